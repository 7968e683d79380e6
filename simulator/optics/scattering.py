"""Points that send light to the side, as the side path sees them: blurred by sheet, objective and pinhole (A.4)."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.instrument import LightSheet

Floats = npt.NDArray[np.float32]

DEPTH_OF_FOCUS_UM = 4.0
"""Half of the depth in which the side objective is sharp (specification A.4)."""
_WIDTHS = 3.0
"""Standard deviations after which a blurred point is cut off."""


@numba.njit(cache=True, nogil=True)
def _gauss(weights: Floats, place: float, sigma: float, pixel_um: float) -> tuple[int, int]:
    """Fill `(n,)` weights with a Gaussian of height 1 about a place, um from the middle; return the span filled."""
    n = weights.shape[0]
    low = max(0, int((place - _WIDTHS * sigma) / pixel_um + n / 2))
    high = min(n, int((place + _WIDTHS * sigma) / pixel_um + n / 2) + 1)
    for k in range(low, high):
        away = ((k + 0.5 - n / 2) * pixel_um - place) / sigma
        weights[k] = math.exp(-0.5 * away * away)
    return low, high


@numba.njit(cache=True, nogil=True)
def _splat(
    volume: Floats,
    points: Floats,
    columns: Floats,
    pixel_um: float,
    sigma_side: float,
    spread_per_um: float,
    waist_um: float,
    rayleigh_um: float,
) -> None:
    """Add every point, blurred, to `volume` (column, z, y), centred on 0; the blur is a product of three Gaussians."""
    weights_z = np.empty(volume.shape[1], dtype=np.float32)
    weights_y = np.empty(volume.shape[2], dtype=np.float32)
    for p in range(points.shape[0]):
        z, y, x, strength = points[p, 0], points[p, 1], points[p, 2], points[p, 3]
        sheet = 0.5 * waist_um * math.sqrt(1.0 + (x / rayleigh_um) ** 2)
        beyond = max(0.0, abs(z) - DEPTH_OF_FOCUS_UM)
        side = math.sqrt(sigma_side**2 + (spread_per_um * beyond) ** 2)
        low_z, high_z = _gauss(weights_z, z, sheet, pixel_um)
        low_y, high_y = _gauss(weights_y, y, side, pixel_um)
        across = weights_y[low_y:high_y]
        for i in range(columns.shape[0]):
            dx = (columns[i] - x) / side
            if abs(dx) > _WIDTHS:
                continue
            weight_x = strength / (sheet * side * side) * math.exp(-0.5 * dx * dx)
            for k in range(low_z, high_z):
                weight = np.float32(weight_x * weights_z[k])
                row = volume[i, k, low_y:high_y]
                for j in range(row.shape[0]):
                    row[j] += weight * across[j]


def rayleigh_range_um(optics: LightSheet) -> float:
    """Distance from its focus at which the sheet is thicker by the square root of 2."""
    return math.pi * optics.medium_index * optics.sheet_waist_um**2 / (optics.wavelength_nm * 1e-3)


def sheet_sigma_um(optics: LightSheet, x_um: float) -> float:
    """Half-thickness of the sheet at a place along its light, as the standard deviation of its brightness."""
    return 0.5 * optics.sheet_waist_um * math.hypot(1.0, x_um / rayleigh_range_um(optics))


def side_sigma_um(optics: LightSheet, wavelength_nm: float | None = None) -> float:
    """Blur, along x and y, of a point in focus behind objective and pinhole, as a standard deviation.

    `wavelength_nm` is that of the light collected; None means that of the laser.
    """
    diffraction_um = 0.51 * (wavelength_nm or optics.wavelength_nm) * 1e-3 / optics.side_aperture / 2.355
    return math.hypot(diffraction_um, optics.mask.size_um / math.sqrt(12.0))


def blurred_scatter(
    points: Floats,
    columns_um: Floats,
    optics: LightSheet,
    n: int,
    pixel_um: float,
    wavelength_nm: float | None = None,
) -> Floats:
    """Light as seen through the optics at the columns x, `(len(columns_um), n z, n y)` float32.

    A point of strength s and blur sigma has the height s / (sigma_z sigma_y sigma_x), um^-3: the density of strength
    times (2 pi)^1.5. Blur grows beyond the depth of focus by NA / n for every um (specification A.4).

    Parameters
    ----------
    points
        `(s, 4)` float32: z, y, x in the frame of the sheet (z, x) and of the cell (y), um, and strength.
    columns_um
        Columns x to look at: the pinholes, or a fine grid for the ideal volume.
    n, pixel_um
        Samples along z and y, and their pitch.
    wavelength_nm
        Of the light collected: the laser's for scatter (None), longer for fluorescence.
    """
    volume = np.zeros((columns_um.size, n, n), dtype=np.float32)
    spread = optics.side_aperture / optics.medium_index
    side = side_sigma_um(optics, wavelength_nm)
    _splat(volume, points, columns_um, pixel_um, side, spread, optics.sheet_waist_um, rayleigh_range_um(optics))
    return volume
