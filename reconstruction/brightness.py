"""How bright, grainy and sharp an object is in its image."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.contour import Mask
from reconstruction.deposit import FloatImage

BRIGHTNESS_FEATURES = (
    "bright_avg", "bright_sd", "bright_perc_10", "bright_perc_90", "bright_min", "bright_max", "extinction_um2",
    "contrast", "sharpness_per_um", "grain_fine", "grain_medium", "grain_coarse",
)  # fmt: skip
"""What `measure_brightness` gives, in this order; see docs/features.md."""

GRAIN_PX = (1, 2, 4, 8)
"""Half-widths of the square means whose differences are the bands of the grain: 3, 5, 9 and 17 pixels wide."""


@numba.njit(cache=True, nogil=True)
def _grain(image: FloatImage, inside: Mask, mean: float, out: npt.NDArray[np.float64]) -> None:
    """Rms, inside the object, of the difference of its means over squares of neighbouring `GRAIN_PX`.

    Only pixels of the object count in a mean, so that its rim is no grain.
    """
    rows, cols = inside.shape
    total, count = np.zeros((rows + 1, cols + 1)), np.zeros((rows + 1, cols + 1))
    for i in range(rows):
        along = here = 0.0
        for j in range(cols):
            if inside[i, j]:
                along += image[i, j] - mean
                here += 1.0
            total[i + 1, j + 1] = total[i, j + 1] + along
            count[i + 1, j + 1] = count[i, j + 1] + here
    n = 0
    for i in range(rows):
        for j in range(cols):
            if not inside[i, j]:
                continue
            n += 1
            finer = 0.0
            for k in range(4):
                half = GRAIN_PX[k]
                top, bottom = max(0, i - half), min(rows, i + half + 1)
                left, right = max(0, j - half), min(cols, j + half + 1)
                sum_here = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
                n_here = count[bottom, right] - count[top, right] - count[bottom, left] + count[top, left]
                coarser = sum_here / n_here
                if k > 0:
                    out[8 + k] += (finer - coarser) ** 2
                finer = coarser
    for k in range(9, 12):
        out[k] = math.sqrt(out[k] / n)


@numba.njit(cache=True, nogil=True)
def measure_brightness(image: FloatImage, inside: Mask, pixel_um: float, empty: float) -> npt.NDArray[np.float64]:
    """Measure light inside a mask, in an image whose empty background is `empty`.

    Returns
    -------
    ndarray
        `BRIGHTNESS_FEATURES`, `(12,)`; NaN for an empty mask.
    """
    rows, cols = inside.shape
    out = np.zeros(12)
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
    low_high = np.percentile(values, (10.0, 90.0))
    out[2], out[3] = low_high[0] - empty, low_high[1] - empty
    out[4], out[5] = values.min(), values.max()
    out[6] = (empty - mean) * n * pixel_um**2
    out[7] = math.sqrt(away / n)
    out[8] = math.sqrt(slope / n) / (2.0 * pixel_um) / out[7] if out[7] > 0.0 else math.nan
    _grain(image, inside, mean, out)
    return out
