"""How much a cell delays light that passes through it."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from simulator.cells.specimen import View

Floats = npt.NDArray[np.float32]


@numba.njit(cache=True, nogil=True)
def _thickness(
    path: Floats,
    bodies: Floats,
    roughness: Floats,
    granules: Floats,
    centre: tuple[float, float],
    axes: tuple[int, int, int],
    pixel_um: float,
) -> None:
    """Add index step times path length, um, to the `(n, n)` image `path`; `axes` are its rows, columns and depth."""
    rows, cols, along = axes
    n = path.shape[0]
    for b in range(bodies.shape[0]):
        r0 = bodies[b, rows] + centre[0]
        c0 = bodies[b, cols] + centre[1]
        ar, ac, depth = bodies[b, 3 + rows], bodies[b, 3 + cols], bodies[b, 3 + along]
        low_r = max(0, int((r0 - 1.3 * ar) / pixel_um + n / 2))
        high_r = min(n, int((r0 + 1.3 * ar) / pixel_um + n / 2) + 1)
        low_c = max(0, int((c0 - 1.3 * ac) / pixel_um + n / 2))
        high_c = min(n, int((c0 + 1.3 * ac) / pixel_um + n / 2) + 1)
        for i in range(low_r, high_r):
            u = ((i + 0.5 - n / 2) * pixel_um - r0) / ar
            for j in range(low_c, high_c):
                v = ((j + 0.5 - n / 2) * pixel_um - c0) / ac
                scale = 1.0
                if b == 0:
                    angle = math.atan2(u, v)
                    for k in range(roughness.shape[0]):
                        scale += roughness[k, 1] * math.cos(roughness[k, 0] * angle + roughness[k, 2])
                inside = 1.0 - (u * u + v * v) / (scale * scale)
                if inside > 0.0:
                    path[i, j] += bodies[b, 6] * 2.0 * depth * math.sqrt(inside)
    spread = 0.2
    for g in range(granules.shape[0]):
        r0 = (granules[g, rows] + centre[0]) / pixel_um + n / 2 - 0.5
        c0 = (granules[g, cols] + centre[1]) / pixel_um + n / 2 - 0.5
        volume = 4.0 / 3.0 * math.pi * granules[g, 3] ** 3
        height = granules[g, 4] * volume / (2.0 * math.pi * spread * spread)
        reach = int(3 * spread / pixel_um) + 1
        for i in range(max(0, int(r0) - reach), min(n, int(r0) + reach + 2)):
            for j in range(max(0, int(c0) - reach), min(n, int(c0) + reach + 2)):
                d2 = ((i - r0) ** 2 + (j - c0) ** 2) * pixel_um * pixel_um
                path[i, j] += height * math.exp(-d2 / (2.0 * spread * spread))


def path_image(bodies: Floats, roughness: Floats, granules: Floats, view: View) -> Floats:
    """Index step times path length through a cell, `(n, n)` float32, um; the arrays are those of `Cell`."""
    path = np.zeros((view.n, view.n), dtype=np.float32)
    _thickness(path, bodies, roughness, granules, view.centre_um, view.axes, view.pixel_um)
    return path
