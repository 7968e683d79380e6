"""What people gate on, measured in the images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from acquisition.copying import copy_row
from reconstruction.features.brightness import BRIGHTNESS_FEATURES, measure_brightness
from reconstruction.features.contour import SHAPE_FEATURES, Doubles, Mask, measure_shape
from reconstruction.features.median import median_of_positive
from reconstruction.features.regions import central_region
from reconstruction.features.texture import GREY_STEP, TEXTURE_FEATURES, grey_levels, log_table, measure_texture
from reconstruction.motion import FloatImage
from reconstruction.sharing import share_out

BORDER_SHARE = 0.125
"""Frame of the image, by share of its edge, that shows the noise of the background."""
CORNER_SPREADS = 2.0
"""A corner of the frame holds so few samples that its spread may be half of the frame's, but hardly less."""
SIGMAS, LEAST = 5.0, 0.02
"""What pixels differ from the background by, at least: multiples of its noise, and light against the empty beam."""
N_SHAPE, N_BRIGHTNESS = len(SHAPE_FEATURES), len(BRIGHTNESS_FEATURES)
N_FEATURES = N_SHAPE + 2 + N_BRIGHTNESS + len(TEXTURE_FEATURES)


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """The object of an image: the connected region, nearest the centre, that differs from the empty background.

    Attributes
    ----------
    inside
        `(rows, cols)` bool.
    """

    inside: Mask

    @property
    def touches_edge(self) -> bool:
        """Whether the object reaches the edge of the field."""
        return bool(_at_edge(self.inside))


@numba.njit(cache=True, nogil=True)
def _at_edge(inside: Mask) -> bool:
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
def _spread(smooth: FloatImage, high: int, wide: int) -> float:
    """Robust spread about 0 of the frame so high and wide; pixels that nothing was laid on are left out."""
    rows, cols = smooth.shape
    frame = np.empty(rows * cols, dtype=np.float32)
    n = 0
    for i in range(rows):
        line = smooth[i]
        across = cols if i < high or i >= rows - high else wide
        for start in (0, cols - wide):
            for j in range(start, min(start + across, cols)):
                frame[n] = abs(line[j])
                n += line[j] != 0.0
            if across == cols:
                break
    return 1.4826 * median_of_positive(frame[:n]) if n > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _noise(smooth: FloatImage) -> float:
    """Noise of the frame of the image; where a cell fills the frame, of its corners, which a round cell leaves empty.

    The quietest corner but one counts: a cell beside the middle covers two, and the quietest is so by chance.
    """
    rows, cols = smooth.shape
    high, wide = round(BORDER_SHARE * rows), round(BORDER_SHARE * cols)
    corners = np.empty(4)
    for k in range(4):
        top, left = (rows - high) * (k // 2), (cols - wide) * (k % 2)
        corners[k] = _spread(smooth[top : top + high, left : left + wide], high, wide)
    return float(min(_spread(smooth, high, wide), CORNER_SPREADS * np.sort(corners)[1]))


@numba.njit(cache=True, nogil=True)
def _central_object(image: FloatImage, background: float, sigmas: float, least: float) -> Mask:
    smooth = _smooth(image, background)
    threshold = max(sigmas * _noise(smooth), least)
    return central_region(np.abs(smooth) > threshold)


def find_object(image: FloatImage, background: float = 1.0, sigmas: float = SIGMAS, least: float = LEAST) -> ObjectMask:
    """Segment the central object of a transmission or line image.

    Pixels of the 3 x 3 mean that differ from the background by more than `sigmas` of its noise (and at least by
    `least`) make up objects; holes are filled; the object nearest the centre is taken.
    """
    return ObjectMask(_central_object(np.ascontiguousarray(image, dtype=np.float32), background, sigmas, least))


@numba.njit(cache=True, nogil=True)
def _around(inside: Mask) -> tuple[int, int, int, int]:
    """First and last + 1 rows and columns of the object with a pixel around it, where the image has one."""
    rows, cols = inside.shape
    met = np.zeros(cols, np.bool_)
    top, bottom = rows, 0
    for i in range(rows):
        line, any_here = inside[i], False
        for j in range(cols):
            any_here |= line[j]
            met[j] |= line[j]
        if any_here:
            top, bottom = min(top, i), i
    left, right = 0, cols - 1
    while left < cols and not met[left]:
        left += 1
    while right > 0 and not met[right]:
        right -= 1
    return max(top - 1, 0), min(bottom + 2, rows), max(left - 1, 0), min(right + 2, cols)


@numba.njit(cache=True, nogil=True)
def _measure(image: FloatImage, inside: Mask, pixel_um: float, turned: bool, logs: Doubles) -> Doubles:
    """Measure what `image_feature_names` says, in an image whose columns run along the flow, or, `turned`, rows."""
    top, bottom, left, right = _around(inside)
    if turned:
        # Looked for before: rows lie together in memory.
        image, inside = image.T, inside.T
        top, bottom, left, right = left, right, top, bottom
    if bottom <= top:
        out = np.full(N_FEATURES, math.nan)
        out[0] = 0.0
        return out
    out = np.empty(N_FEATURES)
    near, light = inside[top:bottom, left:right].copy(), image[top:bottom, left:right].copy()
    shape = measure_shape(near, pixel_um)
    copy_row(shape[:N_SHAPE], out)
    row_um = shape[N_SHAPE] + 0.5 * (top + bottom - inside.shape[0]) * pixel_um
    col_um = shape[N_SHAPE + 1] + 0.5 * (left + right - inside.shape[1]) * pixel_um
    out[N_SHAPE], out[N_SHAPE + 1] = (col_um, row_um) if turned else (row_um, col_um)
    copy_row(measure_brightness(light, near, pixel_um, 1.0), out[N_SHAPE + 2 :])
    copy_row(measure_texture(grey_levels(light, near, GREY_STEP), logs), out[N_SHAPE + 2 + N_BRIGHTNESS :])
    return out


@numba.njit(cache=True, nogil=True)
def _measure_all(
    images: FloatImage, pixel_um: float, turned: bool, logs: Doubles, sigmas: float, least: float,
    inside: Mask, at_edge: Mask, features: Doubles,
) -> None:  # fmt: skip
    for k in range(images.shape[0]):
        found = _central_object(images[k], 1.0, sigmas, least)
        for i in range(found.shape[0]):
            copy_row(found[i], inside[k, i])
        at_edge[k] = _at_edge(inside[k])
        copy_row(_measure(images[k], inside[k], pixel_um, turned, logs), features[k])


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of `n` images, and what is measured of them.

    Attributes
    ----------
    inside
        `(n, rows, cols)` bool, as in `ObjectMask`.
    touches_edge
        `(n,)` bool.
    features
        `(n, m)`, `image_feature_names` in their order.
    """

    inside: Mask
    touches_edge: Mask
    features: Doubles


def measure_objects(images: FloatImage, pixel_um: float, axes: str) -> Objects:
    """Find the objects of images `(n, rows, cols)` as `find_object` does, and measure them as `image_features` does."""
    made = Objects(
        np.empty(images.shape, np.bool_), np.empty(len(images), np.bool_), np.empty((len(images), N_FEATURES))
    )
    logs, turned = log_table(images.shape[1] * images.shape[2]), axes[0] == "y"

    def measure(part: slice) -> None:
        inside, at_edge, features = made.inside[part], made.touches_edge[part], made.features[part]
        _measure_all(images[part], pixel_um, turned, logs, SIGMAS, LEAST, inside, at_edge, features)

    share_out(measure, len(images))
    return made


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
    measured = _measure(image, mask.inside, pixel_um, turned, log_table(image.size))
    return dict(zip(image_feature_names(axes), measured.tolist(), strict=True))
