"""How bright, grainy and sharp an object is in its image."""

from __future__ import annotations

import math

import numba
import numpy as np

from reconstruction.contour import Doubles, Mask
from reconstruction.deposit import FloatImage

BRIGHTNESS_FEATURES = (
    "bright_avg", "bright_sd", "bright_perc_10", "bright_perc_90", "bright_min", "bright_max", "extinction_um2",
    "contrast", "sharpness_per_um", "grain_fine", "grain_medium", "grain_coarse", "focus",
)  # fmt: skip
"""What `measure_brightness` gives, in this order; see docs/features.md."""

GRAIN_PX = (1, 2, 4, 8)
"""Half-widths of the square means whose differences are the bands of the grain: 3, 5, 9 and 17 pixels wide."""
_BINS = 256
"""That values are sorted into before the few that a percentile lies between are."""


_WIDEST = GRAIN_PX[-1]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _square_means(
    above: Doubles, below: Doubles, n_above: Doubles, n_below: Doubles, low: int, high: int, means: Doubles
) -> None:
    """Means of a row of squares, from running sums of light and of pixels at their upper and lower edge."""
    cols = means.shape[0]
    # Slices that all begin at 0 become vectors; sums at an offset would not.
    a, b, c, d = above[low : low + cols], above[high : high + cols], below[low : low + cols], below[high : high + cols]
    e, f, g, h = n_above[low:], n_above[high:], n_below[low:], n_below[high:]
    for j in range(cols):
        means[j] = (d[j] - b[j] - c[j] + a[j]) / max(h[j] - f[j] - g[j] + e[j], 1.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _grain(image: FloatImage, inside: Mask, mean: float, out: Doubles) -> None:
    """Rms, inside the object, of the difference of its means over squares of neighbouring `GRAIN_PX`.

    Only pixels of the object count in a mean, so that its rim is no grain.
    """
    rows, cols = inside.shape
    # As wide beyond the picture as the widest square reaches, so that no step has to ask where it is.
    edge = _WIDEST + 1
    total, count = np.zeros((rows + 2 * edge, cols + 2 * edge)), np.zeros((rows + 2 * edge, cols + 2 * edge))
    for i in range(rows):
        along = here = 0.0
        for j in range(cols):
            if inside[i, j]:
                along += image[i, j] - mean
                here += 1.0
            total[i + edge, j + edge] = total[i + edge - 1, j + edge] + along
            count[i + edge, j + edge] = count[i + edge - 1, j + edge] + here
        total[i + edge, cols + edge :] = total[i + edge, cols + edge - 1]
        count[i + edge, cols + edge :] = count[i + edge, cols + edge - 1]
    for i in range(rows + edge, rows + 2 * edge):
        total[i], count[i] = total[i - 1], count[i - 1]
    means, squares, n = np.zeros((2, cols)), np.zeros(3), 0.0
    for i in range(rows):
        for j in range(cols):
            n += inside[i, j]
        for k in range(4):
            half = GRAIN_PX[k]
            top, bottom = i + edge - half - 1, i + edge + half
            low, high = edge - half - 1, edge + half
            here_row, before = means[k % 2], means[(k + 1) % 2]
            _square_means(total[top], total[bottom], count[top], count[bottom], low, high, here_row)
            square = 0.0
            for j in range(cols):
                square += inside[i, j] * (before[j] - here_row[j]) ** 2
            if k > 0:
                squares[k - 1] += square
    for k in range(3):
        out[9 + k] = math.sqrt(squares[k] / n)


@numba.njit(cache=True, nogil=True)
def percentiles(values: Doubles, first: float, second: float) -> tuple[float, float]:
    """Two percentiles, between neighbours by a straight line as NumPy takes them; sorts only what they lie in."""
    n, low, high = values.shape[0], values.min(), values.max()
    scale = (_BINS - 1) / (high - low) if high > low else 0.0
    ends = np.zeros(_BINS + 1, dtype=np.int64)
    for value in values:
        ends[int((value - low) * scale) + 1] += 1
    ends = np.cumsum(ends)
    found = np.empty(4)
    for k in range(4):
        rank = (first if k < 2 else second) / 100.0 * (n - 1)
        whole = min(int(rank) + k % 2, n - 1)
        b = np.searchsorted(ends, whole, side="right") - 1
        within, m = np.empty(ends[b + 1] - ends[b]), 0
        for value in values:
            if int((value - low) * scale) == b:
                within[m] = value
                m += 1
        found[k] = np.sort(within)[whole - ends[b]]
    share = first / 100.0 * (n - 1) % 1.0
    above = second / 100.0 * (n - 1) % 1.0
    return found[0] + share * (found[1] - found[0]), found[2] + above * (found[3] - found[2])


@numba.njit(cache=True, nogil=True)
def measure_brightness(image: FloatImage, inside: Mask, pixel_um: float, empty: float) -> Doubles:
    """Measure light inside a mask, in an image whose empty background is `empty`.

    Returns
    -------
    ndarray
        `BRIGHTNESS_FEATURES`, `(13,)`; NaN for an empty mask.
    """
    rows, cols = inside.shape
    out = np.zeros(13)
    values = np.empty(rows * cols)
    n, slope, away = 0, 0.0, 0.0
    for i in range(rows):
        for j in range(cols):
            if inside[i, j]:
                values[n] = image[i, j]
                away += (values[n] - empty) ** 2
                n += 1
                down = image[min(i + 1, rows - 1), j] - image[max(i - 1, 0), j]
                right = image[i, min(j + 1, cols - 1)] - image[i, max(j - 1, 0)]
                slope += down * down + right * right
    if n == 0:
        out[:] = math.nan
        return out
    values = values[:n]
    mean = values.mean()
    out[0], out[1] = mean, values.std()
    low, high = percentiles(values, 10.0, 90.0)
    out[2], out[3] = low - empty, high - empty
    out[4], out[5] = values.min(), values.max()
    out[6] = (empty - mean) * n * pixel_um**2
    out[7] = math.sqrt(away / n)
    out[8] = math.sqrt(slope / n) / (2.0 * pixel_um) / out[7] if out[7] > 0.0 else math.nan
    _grain(image, inside, mean, out)
    # Both grow with contrast, and only the fine one is lost out of focus.
    out[12] = out[9] / out[11] if out[11] > 0.0 else math.nan
    return out
