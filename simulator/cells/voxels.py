"""A cell as a cube of refractive index (image level L1)."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from simulator.cells.outline import relief_at
from simulator.cells.path import Shape

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SUBVOXELS = 4
"""A voxel that a small ball cuts is sampled so often along each axis."""


@numba.njit(cache=True, nogil=True, inline="always")
def _share(body: Doubles, point: Doubles, pixel_um: float) -> float:
    """Share of a voxel that lies in an ellipsoid, taking its surface as flat within the voxel."""
    relative = squared = 0.0
    for i in range(3):
        offset = point[i] - body[i]
        relative += (offset / body[3 + i]) ** 2
        squared += offset * offset
    if relative == 0.0:
        return 1.0
    relative = math.sqrt(relative)
    depth = math.sqrt(squared) * (1.0 / relative - 1.0)
    return min(max(depth / pixel_um + 0.5, 0.0), 1.0)


@numba.njit(cache=True, nogil=True)
def occupancy(cell: Floats, nucleus: Floats, shape: Shape, pixel_um: float, reach_um: float) -> None:
    """Write the shares of voxels that lie in the cell and in its nucleus to two cubes of zeros."""
    n = cell.shape[0]
    low = max(0, int(n / 2 - reach_um / pixel_um) - 1)
    high = min(n, int(n / 2 + reach_um / pixel_um) + 2)
    point = np.zeros(3)
    for k in range(low, high):
        for j in range(low, high):
            for i in range(low, high):
                z, y = (k + 0.5 - n / 2) * pixel_um, (j + 0.5 - n / 2) * pixel_um
                x = (i + 0.5 - n / 2) * pixel_um
                for a in range(3):
                    point[a] = shape.turn[0, a] * z + shape.turn[1, a] * y + shape.turn[2, a] * x
                length = math.sqrt(z * z + y * y + x * x)
                relative = 0.0
                for a in range(3):
                    relative += (point[a] / shape.axes[a]) ** 2
                radius = 1.0 + relief_at(shape.relief, point[0], point[1], point[2])
                radius *= length / math.sqrt(max(relative, 1e-12))
                cell[k, j, i] = min(max((radius - length) / pixel_um + 0.5, 0.0), 1.0)
                if cell[k, j, i] == 0.0:
                    continue
                share = 0.0
                for b in range(shape.lobes.shape[0]):
                    share = max(share, _share(shape.lobes[b], point, pixel_um))
                for b in range(shape.dents.shape[0]):
                    share = min(share, 1.0 - _share(shape.dents[b], point, pixel_um))
                nucleus[k, j, i] = min(share, cell[k, j, i])


@numba.njit(cache=True, nogil=True)
def add_ball_voxels(step: Floats, balls: Floats, pixel_um: float) -> None:
    """Add small balls `(g, 5)`, z, y, x, radius and index step, to a cube."""
    n = step.shape[0]
    fine = pixel_um / SUBVOXELS
    for g in range(balls.shape[0]):
        radius = balls[g, 3]
        centre = (balls[g, 0] / pixel_um + n / 2, balls[g, 1] / pixel_um + n / 2, balls[g, 2] / pixel_um + n / 2)
        reach = radius / pixel_um
        for k in range(max(0, int(centre[0] - reach)), min(n, int(centre[0] + reach) + 1)):
            for j in range(max(0, int(centre[1] - reach)), min(n, int(centre[1] + reach) + 1)):
                for i in range(max(0, int(centre[2] - reach)), min(n, int(centre[2] + reach) + 1)):
                    inside = 0
                    for s in range(SUBVOXELS**3):
                        z = (k - centre[0]) * pixel_um + (s // SUBVOXELS**2 + 0.5) * fine
                        y = (j - centre[1]) * pixel_um + (s // SUBVOXELS % SUBVOXELS + 0.5) * fine
                        x = (i - centre[2]) * pixel_um + (s % SUBVOXELS + 0.5) * fine
                        inside += z * z + y * y + x * x < radius * radius
                    step[k, j, i] += balls[g, 4] * inside / SUBVOXELS**3
