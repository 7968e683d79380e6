"""Haralick's texture of an object, as dclab takes it from mahotas: neighbouring grey levels, over four directions."""

from __future__ import annotations

import math
from functools import lru_cache

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.features.contour import Doubles, Mask
from reconstruction.motion import FloatImage

_MEASURES = ("asm", "con", "cor", "var", "idm", "sva", "sen", "ent", "den", "f12", "f13")
TEXTURE_FEATURES = tuple(f"tex_{name}_{what}" for what in ("avg", "ptp") for name in _MEASURES)
"""What `measure_texture` gives, in this order: mean over four directions, then largest less smallest."""

GREY_STEP = 0.01
"""Of the empty beam; one grey level."""
MOST_LEVELS = 255
_ABOVE = MOST_LEVELS + 1
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Rows down and columns to the right, from a pixel to its neighbour."""

Greys = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int32]


@lru_cache(maxsize=4)
def log_table(pixels: int) -> Doubles:
    """Return c log2 c for every count c that a co-occurrence matrix of so many pixels can hold."""
    counts = np.arange(2 * pixels + 1, dtype=np.float64)
    return np.asarray(counts * np.log2(np.maximum(counts, 1.0)))


@numba.njit(cache=True, nogil=True)
def grey_levels(image: FloatImage, inside: Mask, step: float) -> Greys:
    """Whole grey levels of `step`, 1 for the darkest of the object and 0 outside it, `(rows, cols)` uint8."""
    rows, cols = inside.shape
    whole, grey = np.empty((rows, cols), np.int32), np.empty((rows, cols), np.uint8)
    far = 2**30
    darkest = far
    for i in range(rows):
        light, within, target = image[i], inside[i], whole[i]
        for j in range(cols):
            level = int(min(max(math.floor(light[j] / step + 0.5), -far), far))
            target[j] = level
            darkest = min(darkest, level if within[j] else far)
    for i in range(rows):
        within, source, levels = inside[i], whole[i], grey[i]
        for j in range(cols):
            level = min(int(source[j]) - darkest + 1, MOST_LEVELS)
            levels[j] = level if within[j] else 0
    return grey


@numba.njit(cache=True, nogil=True)
def _count_pairs(grey: Greys, down: int, right: int, levels: int, pairs: Counts, met: Counts) -> tuple[int, int]:
    """Count the pairs of neighbours in one direction, and list which were met; return how many, and how many differ.

    `pairs` has them at the lower level times `levels` and the higher, `met` the lower times `_ABOVE` and the higher.
    """
    rows, cols = grey.shape
    total, different = 0, 0
    first, last = max(0, -right), cols - max(0, right)
    for i in range(rows - down):
        here, there = grey[i, first:last], grey[i + down, first + right : last + right]
        for j in range(last - first):
            a, b = np.int64(here[j]), np.int64(there[j])
            if a == 0 or b == 0:
                continue
            low, high = min(a, b), max(a, b)
            at = np.uint64(low * levels + high)
            # Written ahead, and counted where it is new: no branch has to be foreseen.
            met[different] = low * _ABOVE + high
            different += pairs[at] == 0
            pairs[at] += 1
            total += 1
    return total, different


@numba.njit(cache=True, nogil=True)
def _direction(
    grey: Greys, down: int, right: int, levels: int, logs: Doubles, pairs: Counts, met: Counts, out: Doubles
) -> bool:
    """Measure one direction, every pair either way; False if no two pixels of the object are neighbours in it.

    `pairs`, all 0, and `met` are room as `_count_pairs` wants it; `pairs` are 0 again.
    """
    total, different = _count_pairs(grey, down, right, levels, pairs, met)
    if total == 0:
        return False
    n = 2 * total
    single, plus, minus = np.zeros(levels, np.int64), np.zeros(2 * levels, np.int64), np.zeros(levels, np.int64)
    squares, entropy = 0, 0.0
    for k in range(different):
        low, high = met[k] // _ABOVE, met[k] % _ABOVE
        at = np.uint64(low * levels + high)
        c = int(pairs[at])
        pairs[at] = 0
        # Either way, a pair of equal levels counts twice in one cell of the matrix, others once in each of two.
        equal = low == high
        squares += 4 * c * c if equal else 2 * c * c
        entropy += logs[2 * c] if equal else 2.0 * logs[c]
        single[low] += c
        single[high] += c
        plus[low + high] += 2 * c
        minus[high - low] += 2 * c
    mean = second = marginal = difference = contrast = inverse = 0.0
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
    product = (sums_second - contrast) / 4.0
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
def measure_texture(grey: Greys, logs: Doubles) -> Doubles:
    """Measure Haralick's texture of grey levels, 0 outside the object, between next neighbours.

    Returns
    -------
    ndarray
        `TEXTURE_FEATURES`, `(22,)`; NaN where a direction has no neighbours. Of Haralick's 14 measures (IEEE Trans.
        SMC 3, 610, 1973) dclab leaves out the sum average, the difference variance and the last.
    """
    levels = int(grey.max()) + 1
    pairs, met = np.zeros(levels * levels, np.int32), np.empty(grey.size + 1, np.int32)
    each = np.empty((4, 11))
    out = np.full(22, math.nan)
    # In a loop, as a direction written into its call would be compiled apart from the others.
    for d in range(4):
        down, right = _DIRECTIONS[d]
        if not _direction(grey, down, right, levels, logs, pairs, met, each[d]):
            return out
    for k in range(11):
        out[k] = each[:, k].mean()
        out[11 + k] = each[:, k].max() - each[:, k].min()
    return out
