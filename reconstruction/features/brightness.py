"""How bright, grainy and sharp an object is in its image."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.copying import copy_row
from reconstruction.features.contour import Doubles, Mask
from reconstruction.motion import FloatImage

BRIGHTNESS_FEATURES = (
    "bright_avg", "bright_sd", "bright_perc_10", "bright_perc_90", "bright_min", "bright_max", "extinction_um2",
    "contrast", "sharpness_per_um", "grain_fine", "grain_medium", "grain_coarse", "focus",
)  # fmt: skip
"""What `measure_brightness` gives, in this order; see docs/features.md."""

GRAIN_PX = (1, 2, 4, 8)
"""Half-widths of the square means whose differences are the bands of the grain: 3, 5, 9 and 17 pixels wide."""
_BINS = 256
"""That values are sorted into before the few that a percentile lies between are."""
_EDGE = GRAIN_PX[-1] + 1
"""Pixels that the widest square reaches beyond a picture, and one."""
_LARGEST = float((2**31 - 1) // (2 * GRAIN_PX[-1] + 1) ** 2)
"""Light of a pixel as a whole number, so that the sum of the widest square has room in 32 bits."""

Whole = npt.NDArray[np.int32]


@numba.njit(cache=True, nogil=True)
def _sum_up(image: FloatImage, inside: Mask, mean: float, total: Whole, count: Whole) -> float:
    """Sum up light less its mean, and pixels, inside, from the first corner to each pixel; return counts per light.

    Whole numbers, with all the bits that the widest square leaves: their differences are exact, and eight are one
    vector. Both sums reach `_EDGE` beyond the picture, so that no step has to ask where it is.
    """
    rows, cols = inside.shape
    most = 0.0
    for i in range(rows):
        for j in range(cols):
            most = max(most, abs(image[i, j] - mean) if inside[i, j] else 0.0)
    scale = _LARGEST / most if most > 0.0 else 1.0
    total[:_EDGE], count[:_EDGE] = 0, 0
    for i in range(rows):
        light, within = image[i], inside[i]
        sums, numbers, sums_above, numbers_above = (
            total[i + _EDGE],
            count[i + _EDGE],
            total[i + _EDGE - 1],
            count[i + _EDGE - 1],
        )
        sums[:_EDGE], numbers[:_EDGE] = 0, 0
        along = here = 0
        for j in range(cols):
            along += int((light[j] - mean) * scale) if within[j] else 0
            here += within[j]
            sums[j + _EDGE] = sums_above[j + _EDGE] + along
            numbers[j + _EDGE] = numbers_above[j + _EDGE] + here
        sums[cols + _EDGE :], numbers[cols + _EDGE :] = sums[cols + _EDGE - 1], numbers[cols + _EDGE - 1]
    for i in range(rows + _EDGE, rows + 2 * _EDGE):
        copy_row(total[i - 1], total[i])
        copy_row(count[i - 1], count[i])
    return scale


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _square_means(sums: Whole, numbers: Whole, across: int, i: int, half: int, means: FloatImage) -> None:
    """Means of a row of squares about the pixels of row i, from the flat sums of `_sum_up`, `across` in a row."""
    top, bottom = (i + _EDGE - half - 1) * across, (i + _EDGE + half) * across
    low, high = _EDGE - half - 1, _EDGE + half
    # Places without a sign are looked up as they are, which compiles to vector instructions.
    a, b = np.uint64(top + low), np.uint64(top + high)
    c, d = np.uint64(bottom + low), np.uint64(bottom + high)
    for k in range(means.shape[0]):
        j = np.uint64(k)
        light = np.int32(sums[d + j] - sums[b + j] - sums[c + j] + sums[a + j])
        number = np.int32(numbers[d + j] - numbers[b + j] - numbers[c + j] + numbers[a + j])
        means[j] = np.float32(light) / np.float32(max(number, np.int32(1)))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _difference(one: FloatImage, other: FloatImage, within: Mask) -> float:
    total = np.float32(0.0)
    for j in range(one.shape[0]):
        away = one[j] - other[j]
        total += away * away if within[j] else np.float32(0.0)
    return float(total)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _grain(image: FloatImage, inside: Mask, mean: float, out: Doubles) -> None:
    """Rms, inside the object, of the difference of its means over squares of neighbouring `GRAIN_PX`.

    Only pixels of the object count in a mean, so that its rim is no grain.
    """
    rows, cols = inside.shape
    across = cols + 2 * _EDGE
    sums = np.empty((2, rows + 2 * _EDGE, across), np.int32)
    scale = _sum_up(image, inside, mean, sums[0], sums[1])
    total, count = sums[0].reshape(-1), sums[1].reshape(-1)
    one, other, squares = np.empty(cols, np.float32), np.empty(cols, np.float32), np.zeros(3)
    for i in range(rows):
        _square_means(total, count, across, i, GRAIN_PX[0], one)
        for k in range(3):
            _square_means(total, count, across, i, GRAIN_PX[k + 1], other)
            squares[k] += _difference(one, other, inside[i])
            one, other = other, one
    n = sums[1, rows + _EDGE, cols + _EDGE]
    for k in range(3):
        out[9 + k] = math.sqrt(squares[k] / n) / scale


@numba.njit(cache=True, nogil=True)
def percentiles(values: Doubles, first: float, second: float) -> tuple[float, float]:
    """Two percentiles, between neighbours by a straight line as NumPy takes them; sorts only what they lie in."""
    n, (_, _, low, high) = values.shape[0], _moments(values)
    scale = (_BINS - 1) / (high - low) if high > low else 0.0
    ends, bins = np.zeros(_BINS + 1, dtype=np.int64), np.empty(n, np.uint8)
    for i in range(n):
        bins[i] = int((values[i] - low) * scale)
    for b in bins:
        ends[np.int64(b) + 1] += 1
    ends = np.cumsum(ends)
    found, within = np.empty(4), np.empty(n)
    for k in range(0, 4, 2):
        rank = int((first if k == 0 else second) / 100.0 * (n - 1))
        after = min(rank + 1, n - 1)
        lowest = np.searchsorted(ends, rank, side="right") - 1
        highest = np.searchsorted(ends, after, side="right") - 1
        m = 0
        for i in range(n):
            within[m] = values[i]
            m += lowest <= bins[i] <= highest
        near = np.sort(within[:m])
        found[k], found[k + 1] = near[rank - ends[lowest]], near[after - ends[lowest]]
    share = first / 100.0 * (n - 1) % 1.0
    above = second / 100.0 * (n - 1) % 1.0
    return found[0] + share * (found[1] - found[0]), found[2] + above * (found[3] - found[2])


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _gather(image: FloatImage, inside: Mask, values: Doubles) -> tuple[int, float]:
    """Write the light inside to `values`, which has one place more; return how many, and the sum of squared slopes."""
    rows, cols = inside.shape
    n, slope = 0, 0.0
    for i in range(rows):
        above, light, below, within = image[max(i - 1, 0)], image[i], image[min(i + 1, rows - 1)], inside[i]
        for j in range(cols):
            # Written ahead, and counted where it is inside: no branch has to be foreseen.
            values[n] = light[j]
            n += within[j]
            down, right = below[j] - above[j], light[min(j + 1, cols - 1)] - light[max(j - 1, 0)]
            slope += np.float64(down * down + right * right) if within[j] else 0.0
    return n, slope


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nnan", "nsz"})
def _moments(values: Doubles) -> tuple[float, float, float, float]:
    """Mean, variance, least and most of numbers."""
    n, total, least, most = values.shape[0], 0.0, values[0], values[0]
    for value in values:
        total += value
        least, most = min(least, value), max(most, value)
    mean, squares = total / n, 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    return mean, squares / n, least, most


@numba.njit(cache=True, nogil=True)
def measure_brightness(image: FloatImage, inside: Mask, pixel_um: float, empty: float) -> Doubles:
    """Measure light inside a mask, in an image whose empty background is `empty`.

    Returns
    -------
    ndarray
        `BRIGHTNESS_FEATURES`, `(13,)`; NaN for an empty mask.
    """
    out, values = np.zeros(13), np.empty(inside.size + 1)
    n, slope = _gather(image, inside, values)
    if n == 0:
        out[:] = math.nan
        return out
    values = values[:n]
    mean, variance, least, most = _moments(values)
    out[0], out[1] = mean, math.sqrt(variance)
    low, high = percentiles(values, 10.0, 90.0)
    out[2], out[3] = low - empty, high - empty
    out[4], out[5] = least, most
    out[6] = (empty - mean) * n * pixel_um**2
    out[7] = math.sqrt(variance + (mean - empty) ** 2)
    out[8] = math.sqrt(slope / n) / (2.0 * pixel_um) / out[7] if out[7] > 0.0 else math.nan
    _grain(image, inside, mean, out)
    # Both grow with contrast, and only the fine one is lost out of focus.
    out[12] = out[9] / out[11] if out[11] > 0.0 else math.nan
    return out
