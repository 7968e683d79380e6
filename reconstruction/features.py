"""What people gate on, measured in the images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.deposit import FloatImage

IMAGE_FEATURES = ("area_um2", "diameter_um", "aspect", "row_um", "col_um", "bright_avg", "bright_sd", "contrast")
"""What `image_features` measures."""

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
def _smooth(image: FloatImage) -> FloatImage:
    """Mean over 3 x 3 pixels, edges repeated."""
    rows, cols = image.shape
    result = np.empty_like(image)
    for i in range(rows):
        for j in range(cols):
            total = 0.0
            for p in range(-1, 2):
                for q in range(-1, 2):
                    total += image[min(max(i + p, 0), rows - 1), min(max(j + q, 0), cols - 1)]
            result[i, j] = total / 9.0
    return result


@numba.njit(cache=True, nogil=True)
def _fill_from(outside: npt.NDArray[np.bool_], seeds: npt.NDArray[np.int64], free: npt.NDArray[np.bool_]) -> None:
    """Mark in `outside` all that can be reached from `seeds` (flat indices) through `free` pixels, 4-connected."""
    rows, cols = free.shape
    stack = np.empty(rows * cols + seeds.shape[0], dtype=np.int64)
    top = 0
    for seed in seeds:
        if free[seed // cols, seed % cols] and not outside[seed // cols, seed % cols]:
            outside[seed // cols, seed % cols] = True
            stack[top] = seed
            top += 1
    while top > 0:
        top -= 1
        i, j = stack[top] // cols, stack[top] % cols
        for d in range(4):
            p = i + (1 if d == 0 else -1 if d == 1 else 0)
            q = j + (1 if d == 2 else -1 if d == 3 else 0)
            if 0 <= p < rows and 0 <= q < cols and free[p, q] and not outside[p, q]:
                outside[p, q] = True
                stack[top] = p * cols + q
                top += 1


def find_object(image: FloatImage, background: float = 1.0, sigmas: float = 5.0, least: float = 0.02) -> ObjectMask:
    """Segment the central object of a transmission or line image.

    Pixels of the 3 x 3 mean that differ from the background by more than `sigmas` of its noise (and at least by
    `least`) make up objects; holes are filled; the object nearest the centre is taken.
    """
    smooth = _smooth(np.ascontiguousarray(image, dtype=np.float32)) - background
    rows, cols = smooth.shape
    border = np.ones_like(smooth, dtype=bool)
    border[
        round(BORDER_SHARE * rows) : -round(BORDER_SHARE * rows),
        round(BORDER_SHARE * cols) : -round(BORDER_SHARE * cols),
    ] = False
    frame = np.abs(smooth[border & (smooth != 0.0)])
    noise = 1.4826 * float(np.median(frame)) if frame.size else 0.0
    loud = np.abs(smooth) > max(sigmas * noise, least)
    edges = np.zeros_like(loud)
    edges[[0, -1], :] = True
    edges[:, [0, -1]] = True
    outside = np.zeros_like(loud)
    _fill_from(outside, np.flatnonzero(edges), ~loud)
    solid = ~outside
    inside = np.zeros_like(loud)
    places = np.flatnonzero(solid)
    if places.size:
        distance = (places // cols - rows / 2) ** 2 + (places % cols - cols / 2) ** 2
        _fill_from(inside, places[[int(np.argmin(distance))]], solid)
    return ObjectMask(inside)


def image_features(image: FloatImage, mask: ObjectMask, pixel_um: float) -> dict[str, float]:
    """Measure size, shape and contrast of the object of a transmission or line image.

    Returns
    -------
    dict
        `area_um2`; `diameter_um` of the circle of that area; `aspect` of the ellipse of the same second moments
        (long over short axis); `row_um` and `col_um` of its centre against the image's; `bright_avg` and `bright_sd`
        inside it, relative to the background; `contrast`, the rms difference from the background inside it. NaN
        where there is no object.
    """
    rows, cols = np.nonzero(mask.inside)
    if rows.size == 0:
        return {name: 0.0 if name == "area_um2" else math.nan for name in IMAGE_FEATURES}
    area = rows.size * pixel_um**2
    values = image[mask.inside].astype(np.float64)
    spread = np.cov(np.stack([rows, cols])) if rows.size > 1 else np.zeros((2, 2))
    short, long = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 1.0 / 12.0))
    centre = [(rows.mean() - (image.shape[0] - 1) / 2) * pixel_um, (cols.mean() - (image.shape[1] - 1) / 2) * pixel_um]
    measured = (
        area,
        2.0 * math.sqrt(area / math.pi),
        float(long / short),
        float(centre[0]),
        float(centre[1]),
        float(values.mean()),
        float(values.std()),
        float(np.sqrt(np.mean((values - 1.0) ** 2))),
    )
    return dict(zip(IMAGE_FEATURES, measured, strict=True))
