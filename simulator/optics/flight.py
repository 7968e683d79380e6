"""How a cell's picture passes the beam."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Flight(NamedTuple):
    """When a cell's centre passes y = 0, and how far it moves in a tick."""

    tick: float
    um_per_tick: float


@numba.njit(cache=True, nogil=True, inline="always")
def bilinear(image: Floats, row: float, col: float) -> float:
    """Value of an image at a fractional pixel; rows and columns outside of it give NaN."""
    i, j = math.floor(row), math.floor(col)
    if i < 0 or j < 0 or i + 1 >= image.shape[0] or j + 1 >= image.shape[1]:
        return math.nan
    p, q = row - i, col - j
    upper = (1.0 - q) * image[i, j] + q * image[i, j + 1]
    lower = (1.0 - q) * image[i + 1, j] + q * image[i + 1, j + 1]
    return float((1.0 - p) * upper + p * lower)
