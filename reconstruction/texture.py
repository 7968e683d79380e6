"""Haralick's texture of an object, as dclab takes it from mahotas: neighbouring grey levels, over four directions."""

from __future__ import annotations

import math
from functools import lru_cache

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.contour import Doubles, Mask
from reconstruction.deposit import FloatImage

_MEASURES = ("asm", "con", "cor", "var", "idm", "sva", "sen", "ent", "den", "f12", "f13")
TEXTURE_FEATURES = tuple(f"tex_{name}_{what}" for what in ("avg", "ptp") for name in _MEASURES)
"""What `measure_texture` gives, in this order: mean over four directions, then largest less smallest."""

GREY_STEP = 0.01
"""Of the empty beam; one grey level."""
MOST_LEVELS = 255


@lru_cache(maxsize=4)
def log_table(pixels: int) -> Doubles:
    """Return c log2 c for every count c that a co-occurrence matrix of so many pixels can hold."""
    counts = np.arange(2 * pixels + 1, dtype=np.float64)
    return np.asarray(counts * np.log2(np.maximum(counts, 1.0)))


@numba.njit(cache=True, nogil=True)
def grey_levels(image: FloatImage, inside: Mask, step: float) -> npt.NDArray[np.int64]:
    """Whole grey levels of `step`, 1 for the darkest of the object and 0 outside it, `(rows, cols)`."""
    grey = np.zeros(inside.shape, dtype=np.int64)
    darkest = 1 << 40
    for i in range(inside.shape[0]):
        for j in range(inside.shape[1]):
            if inside[i, j]:
                grey[i, j] = math.floor(image[i, j] / step + 0.5)
                darkest = min(darkest, grey[i, j])
    for i in range(inside.shape[0]):
        for j in range(inside.shape[1]):
            if inside[i, j]:
                grey[i, j] = min(grey[i, j] - darkest + 1, MOST_LEVELS)
    return grey


@numba.njit(cache=True, nogil=True)
def _direction(grey: npt.NDArray[np.int64], levels: int, down: int, right: int, logs: Doubles, out: Doubles) -> bool:
    """Measure one direction, every pair either way; False if no two pixels of the object are neighbours in it."""
    pairs = np.zeros((levels, levels), dtype=np.int32)
    rows, cols = grey.shape
    for i in range(rows - down):
        for j in range(max(0, -right), cols - max(0, right)):
            pairs[grey[i, j], grey[i + down, j + right]] += 1
    single, plus, minus = np.zeros(levels, np.int64), np.zeros(2 * levels, np.int64), np.zeros(levels, np.int64)
    n, squares, product = 0, 0.0, 0.0
    entropy = inverse = 0.0
    for low in range(1, levels):
        for high in range(low, levels):
            c = pairs[low, high] + pairs[high, low]
            if c == 0:
                continue
            share = 1 if low == high else 2
            n += share * c
            squares += float(share) * c * c
            entropy += share * logs[c]
            single[low] += c
            single[high] += c if low != high else 0
            plus[low + high] += share * c
            minus[high - low] += share * c
            product += float(share) * c * low * high
    if n == 0:
        return False
    mean = second = marginal = difference = contrast = 0.0
    for k in range(levels):
        mean += k * single[k]
        second += k * k * single[k]
        marginal += logs[single[k]]
        difference += logs[minus[k]]
        contrast += k * k * minus[k]
        inverse += minus[k] / (1.0 + k * k)
    sums = sums_mean = sums_second = 0.0
    for k in range(2 * levels):
        sums += logs[plus[k]]
        sums_mean += k * plus[k]
        sums_second += k * k * plus[k]
    whole = math.log2(n)
    mean, second = mean / n, second / n
    variance = second - mean * mean
    h_one, h_pair = whole - marginal / n, whole - entropy / n
    out[0] = squares / (float(n) * n)
    out[1] = contrast / n
    out[2] = (product / n - mean * mean) / variance if variance > 1e-12 else 1.0
    out[3] = variance
    out[4] = inverse / n
    out[5] = sums_second / n - (sums_mean / n) ** 2
    out[6] = whole - sums / n
    out[7] = h_pair
    out[8] = whole - difference / n
    # The matrix is symmetric, so that the entropies of both marginals together are those of the independent pair.
    out[9] = (h_pair - 2.0 * h_one) / h_one if h_one > 0.0 else h_pair - 2.0 * h_one
    out[10] = math.sqrt(max(0.0, 1.0 - math.exp(-2.0 * (2.0 * h_one - h_pair))))
    return True


@numba.njit(cache=True, nogil=True)
def measure_texture(grey: npt.NDArray[np.int64], logs: Doubles) -> Doubles:
    """Measure Haralick's texture of grey levels, 0 outside the object, between next neighbours.

    Returns
    -------
    ndarray
        `TEXTURE_FEATURES`, `(22,)`; NaN where a direction has no neighbours. Of Haralick's 14 measures (IEEE Trans.
        SMC 3, 610, 1973) dclab leaves out the sum average, the difference variance and the last.
    """
    levels = int(grey.max()) + 1
    each = np.empty((4, 11))
    out = np.full(22, math.nan)
    if not (
        _direction(grey, levels, 0, 1, logs, each[0])
        and _direction(grey, levels, 1, 1, logs, each[1])
        and _direction(grey, levels, 1, 0, logs, each[2])
        and _direction(grey, levels, 1, -1, logs, each[3])
    ):
        return out
    for k in range(11):
        out[k] = each[:, k].mean()
        out[11 + k] = each[:, k].max() - each[:, k].min()
    return out
