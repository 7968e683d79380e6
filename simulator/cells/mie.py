"""Side scatter of beads by Mie's exact theory (specification F.3, level L2)."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from types import ModuleType

import numpy as np

from acquisition.errors import ConfigError
from simulator.cells.collection import SIDE_APERTURE, SIDE_WAVELENGTH_NM, collected_cone


@lru_cache(maxsize=4096)
def mie_side_cross_section_um2(diameter_um: float, index: float, medium_index: float) -> float:
    """Cross-section that a sphere scatters into the side objective, um^2.

    Light along x, polarised along y, as in `simulator.cells.rayleigh_gans`. With psi the azimuth of a direction about
    x, dC/dOmega = (|S1|^2 cos^2 psi + |S2|^2 sin^2 psi) / k^2 (Bohren and Huffman, 4.4), summed over the aperture.

    Raises
    ------
    ConfigError
        If the package `miepython` is not installed.
    """
    miepython = _miepython()
    # A large sphere's lobes are as narrow as wavelength / diameter: the aperture needs several directions in each.
    polar = 24 + round(5 * diameter_um)
    cone = collected_cone(SIDE_APERTURE, medium_index, polar, 2 * polar)
    wavenumber = 2 * np.pi * medium_index / (SIDE_WAVELENGTH_NM * 1e-3)
    # "Wiscombe" is the norm of Bohren and Huffman's S1 and S2. They depend on the angle from x alone, so that a
    # table over it serves every direction.
    cosines = np.linspace(cone.x.min(), cone.x.max(), 8 * polar)
    s1, s2 = miepython.S1_S2(index / medium_index, wavenumber * diameter_um / 2, cosines, norm="wiscombe")
    across = np.interp(cone.x, cosines, np.abs(s1) ** 2)
    within = np.interp(cone.x, cosines, np.abs(s2) ** 2)
    cos2 = cone.z**2 / (cone.z**2 + cone.y**2)
    return float(np.sum((across * cos2 + within * (1.0 - cos2)) * cone.solid_angle_sr) / wavenumber**2)


def require_mie() -> None:
    """Make sure that Mie's theory is installed.

    Raises
    ------
    ConfigError
        If it is not.
    """
    _miepython()


def _miepython() -> ModuleType:
    # Imported here: only validation needs it, and it is an extra.
    try:
        return import_module("miepython")
    except ImportError:
        raise ConfigError(
            "Image level L2 needs Mie's theory, which is not installed; install it with: pip install 'lightline[mie]'."
        ) from None
