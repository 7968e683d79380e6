"""Side scatter of small weak spheres by Rayleigh, Gans and Debye (specification F.3, level L0)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from simulator.cells.collection import SIDE_APERTURE, SIDE_WAVELENGTH_NM, collected_cone

Doubles = npt.NDArray[np.float64]

LARGEST_UM = 1.0
"""Largest radius in the table."""
_TABLE_STEP_UM = 0.002


def polarisability(index: float, host_index: float) -> float:
    """Relative polarisability 3 (m^2 - 1) / (m^2 + 2) of a material in its surroundings, m the ratio of indices."""
    squared = (index / host_index) ** 2
    return 3.0 * (squared - 1.0) / (squared + 2.0)


def form_factor(u: Doubles) -> Doubles:
    """Amplitude of a sphere against that of its volume in one point, u = q r: 3 (sin u - u cos u) / u^3."""
    safe = np.maximum(u, 1e-3)
    return np.asarray(np.where(u < 1e-3, 1.0 - u**2 / 10.0, 3.0 * (np.sin(safe) - safe * np.cos(safe)) / safe**3))


def exact_side_cross_section_um2(radius_um: npt.ArrayLike, index: float, host_index: float) -> Doubles:
    """Cross-section that spheres scatter into the side objective, um^2, of the shape of `radius_um`.

    The light runs along x and is polarised along y, across the plane of x and the objective's axis z, as cytometers
    have it. dC/dOmega = k^4 V^2 alpha^2 f(q r)^2 (1 - s_y^2) / (4 pi)^2, integrated over the aperture (van de Hulst,
    Light Scattering by Small Particles, 7.11 to 7.12; the polarisability of a small sphere stands for m^2 - 1, which
    is the same for weak contrast and exact for small spheres).
    """
    radius = np.asarray(radius_um, dtype=np.float64)[..., None]
    cone = collected_cone(SIDE_APERTURE, host_index)
    wavenumber = 2 * np.pi * host_index / (SIDE_WAVELENGTH_NM * 1e-3)
    form = form_factor(wavenumber * radius * np.sqrt(2.0 * (1.0 - cone.x)))
    volume = 4.0 / 3.0 * np.pi * radius**3
    amplitude = wavenumber**2 * volume * polarisability(index, host_index) * form / (4 * np.pi)
    return np.asarray(np.sum(amplitude**2 * (1.0 - cone.y**2) * cone.solid_angle_sr, axis=-1))


def side_cross_section_um2(radius_um: Doubles, index: float, host_index: float) -> Doubles:
    """As `exact_side_cross_section_um2`, from a table; radii up to `LARGEST_UM`."""
    radii, table = _table(round(host_index, 3))
    return np.asarray(polarisability(index, host_index) ** 2 * np.interp(radius_um, radii, table))


@lru_cache(maxsize=64)
def _table(host_index: float) -> tuple[Doubles, Doubles]:
    """Radii and cross-sections for a polarisability of 1."""
    radii = np.arange(0.0, LARGEST_UM + _TABLE_STEP_UM, _TABLE_STEP_UM)
    # Any weak contrast serves, as its square is divided out again.
    index = host_index * 1.001
    return radii, exact_side_cross_section_um2(radii, index, host_index) / polarisability(index, host_index) ** 2
