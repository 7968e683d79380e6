"""Light of a volume near its cell, on voxels of twice the edge, and the noise of its empty frame."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from reconstruction.features.contour import Mask
from reconstruction.motion import FloatImage

COARSER = 2
"""Edge of the voxels that features are measured on, in voxels of the volume."""
MARGIN_UM = 1.0
"""How far beyond the outline of its cell light is still the cell's: half a pinhole, and the objective's blur."""
FRAME_SHARE = 0.125
"""Frame along z and y, by share of the volume's edge, that shows the noise."""
_STEP_COLUMNS, _STEP_X = 2, 16
"""Every how manieth column and voxel of the frame is looked at; neighbours tell the same, as samples lie 1 um apart."""


class Box(NamedTuple):
    """Where light is looked at: first coarse voxel along z and y, and how many; along x all are."""

    z: int
    y: int
    n_z: int
    n_y: int


@numba.njit(cache=True, nogil=True)
def box_around(inside: Mask, margin: int) -> Box:
    """Box of coarse voxels around an outline `(z, y)` with `margin` pixels beside it; of no size if it is empty."""
    rows, cols = inside.shape
    top, bottom, left, right = rows, -1, cols, -1
    for i in range(rows):
        for j in range(cols):
            if inside[i, j]:
                top, bottom, left, right = min(top, i), i, min(left, j), max(right, j)
    if bottom < 0:
        return Box(0, 0, 0, 0)
    first_z, first_y = max(top - margin, 0) // COARSER, max(left - margin, 0) // COARSER
    last_z = min(-(-(bottom + 1 + margin) // COARSER), rows // COARSER)
    last_y = min(-(-(right + 1 + margin) // COARSER), cols // COARSER)
    return Box(first_z, first_y, last_z - first_z, last_y - first_y)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def coarse_light(volume: FloatImage, box: Box) -> FloatImage:
    """Means over 2 x 2 x 2 voxels of a volume `(z, y, x)` in a box, `(n_z, n_y, x // 2)`."""
    n_x = volume.shape[2] // COARSER
    coarse = np.empty((box.n_z, box.n_y, n_x), dtype=np.float32)
    row = np.empty(COARSER * n_x, dtype=np.float32)
    for i in range(box.n_z):
        z = COARSER * (box.z + i)
        for j in range(box.n_y):
            y = COARSER * (box.y + j)
            a, b, c, d = volume[z, y], volume[z, y + 1], volume[z + 1, y], volume[z + 1, y + 1]
            for k in range(COARSER * n_x):
                row[k] = a[k] + b[k] + c[k] + d[k]
            line = coarse[i, j]
            for k in range(n_x):
                line[k] = np.float32(0.125) * (row[2 * k] + row[2 * k + 1])
    return coarse


@numba.njit(cache=True, nogil=True)
def frame_noise(volume: FloatImage) -> float:
    """Robust spread about 0 of coarse voxels in the frame of a volume; those that nothing was laid on are left out."""
    rows, cols, depth = volume.shape[0] // COARSER, volume.shape[1] // COARSER, volume.shape[2] // COARSER
    high, wide = round(FRAME_SHARE * rows), round(FRAME_SHARE * cols)
    found = np.empty(rows * cols * depth // _STEP_X + rows * cols, dtype=np.float32)
    n = 0
    for i in range(rows):
        for j in range(i % _STEP_COLUMNS, cols, _STEP_COLUMNS):
            if high <= i < rows - high and wide <= j < cols - wide:
                continue
            for k in range((i + j) % _STEP_X, depth, _STEP_X):
                light = np.float32(0.0)
                for corner in range(8):
                    z, y, x = 2 * i + (corner >> 2), 2 * j + ((corner >> 1) & 1), 2 * k + (corner & 1)
                    light += volume[z, y, x]
                if light != 0.0:
                    found[n] = abs(light) / 8.0
                    n += 1
    return 1.4826 * float(np.median(found[:n])) if n > 0 else 0.0
