"""Kernels that lay samples on a regular grid by weight, and the filling in of what no sample met."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]


class Motion(NamedTuple):
    """How a cell moves: when it passes y = 0, and how fast."""

    start_tick: float
    um_per_tick: float


class Canvas(NamedTuple):
    """What samples are laid on: weighted sums and weights of one shape, and the edge of a pixel."""

    total: FloatImage
    weight: FloatImage
    pixel_um: float


@numba.njit(cache=True, nogil=True, inline="always")
def deposit(
    value: float, trust: float, row: float, col: float, half_row: float, half_col: float, total: FloatImage,
    weight: FloatImage,
) -> None:  # fmt: skip
    """Add one sample to `total` and `weight`, both `(rows, cols)`, with a triangle kernel of these half-widths.

    `trust` is the inverse variance of the sample against that of the others.

    `row` and `col` are pixel coordinates: the centre of pixel i is at i. Samples outside the image are cut.
    """
    low_row = max(0, math.ceil(row - half_row))
    high_row = min(total.shape[0] - 1, math.floor(row + half_row))
    low_col = max(0, math.ceil(col - half_col))
    high_col = min(total.shape[1] - 1, math.floor(col + half_col))
    for i in range(low_row, high_row + 1):
        weight_row = trust * (1.0 - abs(i - row) / half_row)
        for j in range(low_col, high_col + 1):
            w = weight_row * (1.0 - abs(j - col) / half_col)
            total[i, j] += w * value
            weight[i, j] += w


@numba.njit(cache=True, nogil=True)
def settle(total: FloatImage, weight: FloatImage, empty: float) -> int:
    """Divide `total` by `weight` in place, `empty` where nothing was laid; return how many pixels that is."""
    missing = 0
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            if weight[i, j] > 1e-9:
                total[i, j] /= weight[i, j]
            else:
                total[i, j] = empty
                missing += 1
    return missing
