"""What people gate on, measured in the images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.brightness import BRIGHTNESS_FEATURES, measure_brightness
from reconstruction.contour import SHAPE_FEATURES, measure_shape
from reconstruction.deposit import FloatImage
from reconstruction.texture import GREY_STEP, TEXTURE_FEATURES, grey_levels, log_table, measure_texture

BORDER_SHARE = 0.125
"""Frame of the image, by share of its edge, that shows the noise of the background."""


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """The object of an image: the connected region, nearest the centre, that differs from the empty background.

    Attributes
    ----------
    inside
        `(rows, cols)` bool.
    """

    inside: npt.NDArray[np.bool_]

    @property
    def touches_edge(self) -> bool:
        """Whether the object reaches the edge of the field."""
        inside = self.inside
        return bool(inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any())


@numba.njit(cache=True, nogil=True)
def _smooth(image: FloatImage, background: float) -> FloatImage:
    """Mean over 3 x 3 pixels, edges repeated, above the background."""
    rows, cols = image.shape
    result = np.empty_like(image)
    column = np.empty(cols)
    for i in range(rows):
        above, below = max(i - 1, 0), min(i + 1, rows - 1)
        for j in range(cols):
            column[j] = float(image[above, j]) + image[i, j] + image[below, j]
        for j in range(1, cols - 1):
            result[i, j] = (column[j - 1] + column[j] + column[j + 1]) / 9.0 - background
        result[i, 0] = (2.0 * column[0] + column[1]) / 9.0 - background
        result[i, cols - 1] = (column[cols - 2] + 2.0 * column[cols - 1]) / 9.0 - background
    return result


@numba.njit(cache=True, nogil=True)
def _noise(smooth: FloatImage) -> float:
    """Robust spread of the frame of the image about 0; pixels that nothing was laid on are left out."""
    rows, cols = smooth.shape
    high, wide = round(BORDER_SHARE * rows), round(BORDER_SHARE * cols)
    frame = np.empty(rows * cols, dtype=np.float32)
    n = 0
    for i in range(rows):
        for j in range(cols):
            within = high <= i < rows - high and wide <= j < cols - wide
            if not within and smooth[i, j] != 0.0:
                frame[n] = abs(smooth[i, j])
                n += 1
    return 1.4826 * float(np.median(frame[:n])) if n > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _spread(free: npt.NDArray[np.bool_], stack: npt.NDArray[np.int64], n: int, stride: int) -> None:
    """Take from `free` all that the `n` places on the stack lead to, 4-connected; its border is not free."""
    while n > 0:
        n -= 1
        place = stack[n]
        for k in range(4):
            beside = place + (1 if k == 0 else -1 if k == 1 else stride if k == 2 else -stride)
            if free[beside]:
                free[beside] = False
                stack[n] = beside
                n += 1


@numba.njit(cache=True, nogil=True)
def _central_object(image: FloatImage, background: float, sigmas: float, least: float) -> npt.NDArray[np.bool_]:
    smooth = _smooth(image, background)
    rows, cols = smooth.shape
    threshold = max(sigmas * _noise(smooth), least)
    # Flat with a border that nothing spreads over, so that no step has to ask where it is.
    stride = cols + 2
    empty = np.zeros((rows + 2) * stride, dtype=np.bool_)
    stack = np.empty(empty.shape[0], dtype=np.int64)
    n = 0
    for i in range(rows):
        for j in range(cols):
            quiet = abs(smooth[i, j]) <= threshold
            place = (i + 1) * stride + j + 1
            edge = i == 0 or i == rows - 1 or j == 0 or j == cols - 1
            empty[place] = quiet and not edge
            if quiet and edge:
                stack[n] = place
                n += 1
    loud = np.zeros(empty.shape[0], dtype=np.bool_)
    outside = np.zeros((rows, cols), dtype=np.bool_)
    for k in range(n):
        outside[stack[k] // stride - 1, stack[k] % stride - 1] = True
    holes = empty.copy()
    _spread(holes, stack, n, stride)
    nearest, start = np.inf, -1
    for i in range(rows):
        for j in range(cols):
            place = (i + 1) * stride + j + 1
            if outside[i, j] or (empty[place] and not holes[place]):
                continue
            loud[place] = True
            away = (i - rows / 2) ** 2 + (j - cols / 2) ** 2
            if away < nearest:
                nearest, start = away, place
    inside = np.zeros((rows, cols), dtype=np.bool_)
    if start >= 0:
        rest = loud.copy()
        rest[start] = False
        stack[0] = start
        _spread(rest, stack, 1, stride)
        for i in range(rows):
            for j in range(cols):
                place = (i + 1) * stride + j + 1
                inside[i, j] = loud[place] and not rest[place]
    return inside


def find_object(image: FloatImage, background: float = 1.0, sigmas: float = 5.0, least: float = 0.02) -> ObjectMask:
    """Segment the central object of a transmission or line image.

    Pixels of the 3 x 3 mean that differ from the background by more than `sigmas` of its noise (and at least by
    `least`) make up objects; holes are filled; the object nearest the centre is taken.
    """
    return ObjectMask(_central_object(np.ascontiguousarray(image, dtype=np.float32), background, sigmas, least))


@numba.njit(cache=True, nogil=True)
def _around(inside: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """First and last + 1 rows and columns of the object with a pixel around it, where the image has one."""
    rows, cols = inside.shape
    top, bottom, left, right = rows, 0, cols, 0
    for i in range(rows):
        for j in range(cols):
            if inside[i, j]:
                top, bottom, left, right = min(top, i), max(bottom, i), min(left, j), max(right, j)
    return max(top - 1, 0), min(bottom + 2, rows), max(left - 1, 0), min(right + 2, cols)


@lru_cache(maxsize=8)
def image_feature_names(axes: str) -> tuple[str, ...]:
    """Return the names of what `image_features` measures in images of these axes, rows first: "zy" or "yx"."""
    places = tuple(f"{axis}_um" for axis in axes)
    return (*SHAPE_FEATURES, *places, *BRIGHTNESS_FEATURES, *TEXTURE_FEATURES)


def image_features(image: FloatImage, mask: ObjectMask, pixel_um: float, axes: str) -> dict[str, float]:
    """Measure size, shape, place, light, grain and texture of the object of a transmission or line image.

    Parameters
    ----------
    image
        `(rows, columns)` float32, relative to the empty background.
    axes
        Names of the rows' and the columns' axes, "zy" or "yx"; y is the flow.

    Returns
    -------
    dict
        `image_feature_names(axes)`, as docs/features.md defines them; NaN where there is no object, but an area of 0.
    """
    turned = axes[0] == "y"
    inside = mask.inside.T.copy() if turned else mask.inside
    light = image.T if turned else image
    shape = measure_shape(inside, pixel_um)
    row_um, col_um = shape[-2:]
    places = (col_um, row_um) if turned else (row_um, col_um)
    if shape[0] > 0.0:
        top, bottom, left, right = _around(inside)
        near = np.ascontiguousarray(inside[top:bottom, left:right])
        light = np.ascontiguousarray(light[top:bottom, left:right])
        bright = measure_brightness(light, near, pixel_um, 1.0)
        texture = measure_texture(grey_levels(light, near, GREY_STEP), log_table(inside.size))
    else:
        bright, texture = np.full(len(BRIGHTNESS_FEATURES), np.nan), np.full(len(TEXTURE_FEATURES), np.nan)
    measured = (*shape[:-2].tolist(), *places, *bright.tolist(), *texture.tolist())
    return dict(zip(image_feature_names(axes), measured, strict=True))
