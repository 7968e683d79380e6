"""Kernels of the masked warp: an image looked up at samples, its adjoint, and the minimisation between them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.motion import FloatImage

Places = npt.NDArray[np.float32]

DUAL_STEP = 0.15
"""Step of the gradient's dual; chosen for few iterations on simulated cells, it does not change the minimum."""
LOOK_EVERY = 10
"""Iterations between two looks at how much the image still changes."""


class Seen(NamedTuple):
    """Samples `(n,)` float32 each: where they lie on the image in pixels, what they measured, and how far to trust it.

    Rows and columns lie within the image: the centre of pixel i is at i.
    """

    row: Places
    col: Places
    value: Places
    trust: Places


@numba.njit(cache=True, nogil=True)
def look_up(image: FloatImage, row: Places, col: Places, values: Places) -> None:
    """Write the image `(y, x)` at each place into `values`: the warp W, bilinear."""
    last_row, last_col = image.shape[0] - 2, image.shape[1] - 2
    for k in range(row.shape[0]):
        i, j = min(int(row[k]), last_row), min(int(col[k]), last_col)
        down, right = row[k] - i, col[k] - j
        above = image[i, j] + right * (image[i, j + 1] - image[i, j])
        below = image[i + 1, j] + right * (image[i + 1, j + 1] - image[i + 1, j])
        values[k] = above + down * (below - above)


@numba.njit(cache=True, nogil=True)
def lay_back(values: Places, row: Places, col: Places, image: FloatImage) -> None:
    """Add up the values at each place into the image, emptied before: the adjoint W' of `look_up`."""
    last_row, last_col = image.shape[0] - 2, image.shape[1] - 2
    image[:] = 0.0
    for k in range(row.shape[0]):
        i, j = min(int(row[k]), last_row), min(int(col[k]), last_col)
        down, right = row[k] - i, col[k] - j
        above, below = (np.float32(1.0) - down) * values[k], down * values[k]
        image[i, j] += (np.float32(1.0) - right) * above
        image[i, j + 1] += right * above
        image[i + 1, j] += (np.float32(1.0) - right) * below
        image[i + 1, j + 1] += right * below


@numba.njit(cache=True, nogil=True)
def _step_back(
    image: FloatImage, slope: FloatImage, dual: npt.NDArray[np.float32], steps: FloatImage, ahead: FloatImage
) -> float:
    """Take one primal step against `slope` and the dual's divergence; return the largest change of a pixel."""
    rows, cols = image.shape
    largest = 0.0
    for i in range(rows):
        for j in range(cols):
            pull = slope[i, j] - dual[0, i, j] - dual[1, i, j]
            if i > 0:
                pull += dual[0, i - 1, j]
            if j > 0:
                pull += dual[1, i, j - 1]
            change = -steps[i, j] * pull
            image[i, j] += change
            ahead[i, j] = image[i, j] + change
            largest = max(largest, abs(change))
    return largest


@numba.njit(cache=True, nogil=True)
def _step_dual(ahead: FloatImage, dual: npt.NDArray[np.float32], mu: float) -> None:
    """Take one dual step along the gradient of `ahead`, back onto vectors no longer than `mu`."""
    rows, cols = ahead.shape
    for i in range(rows):
        for j in range(cols):
            down = dual[0, i, j] + DUAL_STEP * (ahead[i + 1, j] - ahead[i, j]) if i < rows - 1 else 0.0
            right = dual[1, i, j] + DUAL_STEP * (ahead[i, j + 1] - ahead[i, j]) if j < cols - 1 else 0.0
            shrink = mu / max(mu, math.sqrt(down * down + right * right))
            dual[0, i, j] = down * shrink
            dual[1, i, j] = right * shrink


@numba.njit(cache=True, nogil=True)
def least_variation(seen: Seen, mu: float, most: int, tolerance: float, image: FloatImage) -> int:
    """Minimise sum trust (W u - value)^2 + mu |grad u|_{2,1} over u, from `image` on and in place.

    Returns the iterations made: at most `most`, fewer once no pixel changes by more than `tolerance` in one.

    Source: the primal-dual method of Condat (J. Optim. Theory Appl. 158, 460, 2013) and Vu (Adv. Comput. Math. 38,
    667, 2013), with a step for every pixel (Pock and Chambolle, ICCV 2011): pixels that many bright samples meet need
    shorter ones. W'MW has no negative entry and W adds up to 1, so that its row sums W'm bound the curvature; the
    gradient and its adjoint add up to at most 8.
    """
    count = seen.row.shape[0]
    values, slope, ahead = np.empty(count, np.float32), np.empty_like(image), np.empty_like(image)
    dual = np.zeros((2, *image.shape), np.float32)
    steps = np.empty_like(image)
    lay_back(seen.trust, seen.row, seen.col, steps)
    for i in range(steps.shape[0]):
        for j in range(steps.shape[1]):
            steps[i, j] = 0.99 / (steps[i, j] + 8.0 * DUAL_STEP)
    largest = 0.0
    for iteration in range(1, most + 1):
        look_up(image, seen.row, seen.col, values)
        for k in range(count):
            values[k] = 2.0 * seen.trust[k] * (values[k] - seen.value[k])
        lay_back(values, seen.row, seen.col, slope)
        largest = max(largest, _step_back(image, slope, dual, steps, ahead))
        _step_dual(ahead, dual, mu)
        if iteration % LOOK_EVERY == 0:
            if largest < tolerance:
                return iteration
            largest = 0.0
    return most
