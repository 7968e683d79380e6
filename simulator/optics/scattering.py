"""Side scatter of a cell as the side path sees it: blurred by sheet, objective and pinhole (specification A.4)."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.instrument import LightSheet

Floats = npt.NDArray[np.float32]

DEPTH_OF_FOCUS_UM = 4.0


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
    """Add every point, blurred, to `volume` (column, z, y), centred on 0."""
    n_z, n_y = volume.shape[1], volume.shape[2]
    for p in range(points.shape[0]):
        z, y, x, strength = points[p, 0], points[p, 1], points[p, 2], points[p, 3]
        sheet = 0.5 * waist_um * math.sqrt(1.0 + (x / rayleigh_um) ** 2)
        beyond = max(0.0, abs(z) - DEPTH_OF_FOCUS_UM)
        side = math.sqrt(sigma_side**2 + (spread_per_um * beyond) ** 2)
        scale = strength / (sheet * side * side)
        low_z = max(0, int((z - 3 * sheet) / pixel_um + n_z / 2))
        high_z = min(n_z, int((z + 3 * sheet) / pixel_um + n_z / 2) + 1)
        low_y = max(0, int((y - 3 * side) / pixel_um + n_y / 2))
        high_y = min(n_y, int((y + 3 * side) / pixel_um + n_y / 2) + 1)
        for i in range(columns.shape[0]):
            dx = (columns[i] - x) / side
            if abs(dx) > 3.0:
                continue
            weight_x = scale * math.exp(-0.5 * dx * dx)
            for k in range(low_z, high_z):
                dz = ((k + 0.5 - n_z / 2) * pixel_um - z) / sheet
                weight_z = weight_x * math.exp(-0.5 * dz * dz)
                for j in range(low_y, high_y):
                    dy = ((j + 0.5 - n_y / 2) * pixel_um - y) / side
                    volume[i, k, j] += weight_z * math.exp(-0.5 * dy * dy)


def blurred_scatter(points: Floats, columns_um: Floats, optics: LightSheet, n: int, pixel_um: float) -> Floats:
    """Scatter as seen through the optics at the columns x, `(len(columns_um), n z, n y)` float32.

    Parameters
    ----------
    points
        `(s, 4)` float32: z, y, x in the frame of the sheet (z, x) and of the cell (y), um, and strength.
    columns_um
        Columns x to look at: the pinholes, or a fine grid for the ideal volume.
    n, pixel_um
        Samples along z and y, and their pitch.
    """
    volume = np.zeros((columns_um.size, n, n), dtype=np.float32)
    diffraction_um = 0.51 * optics.wavelength_nm * 1e-3 / optics.side_aperture / 2.355
    side = math.hypot(diffraction_um, optics.mask.size_um / math.sqrt(12.0))
    rayleigh = math.pi * optics.medium_index * optics.sheet_waist_um**2 / (optics.wavelength_nm * 1e-3)
    spread = optics.side_aperture / optics.medium_index / 2.0
    _splat(volume, points, columns_um, pixel_um, side, spread, optics.sheet_waist_um, rayleigh)
    return volume
