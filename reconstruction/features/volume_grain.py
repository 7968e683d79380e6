"""How grainy the light of a cell is: spots, and how much it differs between places some way apart."""

from __future__ import annotations

import math

import numba
import numpy as np

from reconstruction.motion import FloatImage


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _row_differences(a: FloatImage, b: FloatImage, in_a: FloatImage, in_b: FloatImage) -> tuple[float, float]:
    """Sum of squared differences of two rows where both are inside, and how many that are."""
    squares, pairs = np.float32(0.0), np.float32(0.0)
    for k in range(b.shape[0]):
        both = in_a[k] * in_b[k]
        squares += both * (a[k] - b[k]) ** 2
        pairs += both
    return float(squares), float(pairs)


@numba.njit(cache=True, nogil=True)
def grain(light: FloatImage, inside: FloatImage, lag: int) -> float:
    """Rms difference of light `(z, y, x)` between voxels `lag` apart along an axis, both inside (1, or 0 outside).

    The root of twice the variogram (Matheron, Economic Geology 58, 1246, 1963); NaN where no two are so far apart.
    """
    n_z, n_y, n_x = light.shape
    squares = pairs = 0.0
    for i in range(n_z):
        for j in range(n_y):
            here, within = light[i, j], inside[i, j]
            if lag < n_x:
                found = _row_differences(here, here[lag:], within, within[lag:])
                squares, pairs = squares + found[0], pairs + found[1]
            if i + lag < n_z:
                found = _row_differences(here, light[i + lag, j], within, inside[i + lag, j])
                squares, pairs = squares + found[0], pairs + found[1]
            if j + lag < n_y:
                found = _row_differences(here, light[i, j + lag], within, inside[i, j + lag])
                squares, pairs = squares + found[0], pairs + found[1]
    return math.sqrt(squares / pairs) if pairs > 0.0 else math.nan


@numba.njit(cache=True, nogil=True)
def _outshone(light: FloatImage, i: int, j: int, k: int) -> bool:
    value = light[i, j, k]
    n_z, n_y, n_x = light.shape
    for a in range(max(i - 1, 0), min(i + 2, n_z)):
        for b in range(max(j - 1, 0), min(j + 2, n_y)):
            for c in range(max(k - 1, 0), min(k + 2, n_x)):
                if light[a, b, c] > value:
                    return True
    return False


@numba.njit(cache=True, nogil=True)
def spots(light: FloatImage, least: float) -> int:
    """Count the voxels above `least` that none of their 26 neighbours outshines."""
    n_z, n_y, n_x = light.shape
    found = 0
    for i in range(n_z):
        for j in range(n_y):
            row = light[i, j]
            for k in range(n_x):
                value = row[k]
                # Most are outshone by a neighbour in their own row.
                if value <= least or (k > 0 and row[k - 1] > value) or (k + 1 < n_x and row[k + 1] > value):
                    continue
                found += not _outshone(light, i, j, k)
    return found
