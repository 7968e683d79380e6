"""Cell images as classifiers of single cells are fed: cut out, resized to one square, of one mean (paper C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.errors import ReconstructionError
from reconstruction.features.image import ObjectMask, find_object
from reconstruction.images import FloatImages, Images
from reconstruction.motion import FloatImage

SIZE_PX = 128
"""Edge of the square of paper C."""
MARGIN_UM = 1.0
"""What is left around an object, so that its rim and its surround are seen."""


@dataclass(frozen=True)
class Prepared:
    """Cut-out cells of one size in pixels.

    Attributes
    ----------
    images
        `(n, size, size)` float32 of mean 1.
    um_per_px
        `(n, 2)` float32: height and width of a pixel, which differ where the cut-out is no square.
    mean
        `(n,)` float32: what the images were divided by.
    """

    images: FloatImages
    um_per_px: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]


def prepare(
    images: Images, pixel_um: float, masks: Sequence[ObjectMask] | None = None, size: int = SIZE_PX,
    keep_aspect: bool = False,
) -> Prepared:  # fmt: skip
    """Cut every cell out of its image with `MARGIN_UM` around it, resize it bilinearly, and divide it by its mean.

    Nothing that sets brightness or size apart is left in the pixels; the scale stands beside them. An image without an
    object is taken whole.

    Parameters
    ----------
    images
        `(n, y, x)`, relative to the empty background.
    masks
        Objects of the images; None looks for them.
    size
        Edge of the square, pixels.
    keep_aspect
        Whether the cut-out is a square, with more of the surround on its short side. Paper C stretches it.

    Raises
    ------
    ReconstructionError
        If the images are no batch of flat ones, or the size makes no sense.
    """
    if images.ndim != 3 or min(images.shape[1:], default=0) < 2:
        raise ReconstructionError(f"Only flat images of 2 pixels and more can be prepared, not {images.shape}.")
    if not 8 <= size <= 1024:
        raise ReconstructionError(f"Images can be resized to 8 to 1024 pixels, not {size}.")
    exact = np.ascontiguousarray(images, dtype=np.float32)
    objects = [find_object(image) for image in exact] if masks is None else masks
    prepared = Prepared(
        np.empty((len(exact), size, size), np.float32), np.empty((len(exact), 2), np.float32),
        np.empty(len(exact), np.float32),
    )  # fmt: skip
    for k, (image, found) in enumerate(zip(exact, objects, strict=True)):
        top, left, height, width = cut_out(found, MARGIN_UM / pixel_um, keep_aspect)
        resize(image, top, left, height, width, prepared.images[k])
        prepared.um_per_px[k] = height * pixel_um / size, width * pixel_um / size
        mean = float(prepared.images[k].mean())
        prepared.mean[k] = mean
        prepared.images[k] /= mean if mean > 0.0 else 1.0
    return prepared


def cut_out(found: ObjectMask, margin_px: float, keep_aspect: bool) -> tuple[float, float, float, float]:
    """Return top, left, height and width of what to cut out, in pixels, whose edges are half a pixel off the centres.

    It stays within the image.
    """
    rows, cols = np.nonzero(found.inside)
    shape = found.inside.shape
    if not rows.size:
        return -0.5, -0.5, float(shape[0]), float(shape[1])
    sides = [
        [max(float(at.min()) - 0.5 - margin_px, -0.5), min(float(at.max()) + 0.5 + margin_px, edge - 0.5)]
        for at, edge in zip((rows, cols), shape, strict=True)
    ]
    if keep_aspect:
        longest = max(high - low for low, high in sides)
        sides = [_widened(low, high, longest, edge) for (low, high), edge in zip(sides, shape, strict=True)]
    (top, bottom), (left, right) = sides
    return top, left, bottom - top, right - left


def _widened(low: float, high: float, length: float, edge: int) -> list[float]:
    """Make a side as long as this, about its middle, moved into an image that is so many pixels long."""
    length = min(length, float(edge))
    begin = min(max(0.5 * (low + high - length), -0.5), edge - 0.5 - length)
    return [begin, begin + length]


@numba.njit(cache=True, nogil=True)
def resize(image: FloatImage, top: float, left: float, height: float, width: float, out: FloatImage) -> None:
    """Resample a part of an image into `out`, between next neighbours by straight lines; edges are repeated.

    Parameters
    ----------
    top, left, height, width
        The part, pixels: the centre of pixel 0 is at 0, its edge at -0.5.
    """
    rows, cols = image.shape
    for i in range(out.shape[0]):
        y = min(max(top + (i + 0.5) * height / out.shape[0], 0.0), rows - 1.0)
        above = min(int(y), rows - 2)
        down = y - above
        for j in range(out.shape[1]):
            x = min(max(left + (j + 0.5) * width / out.shape[1], 0.0), cols - 1.0)
            before = min(int(x), cols - 2)
            right = x - before
            upper = image[above, before] + right * (image[above, before + 1] - image[above, before])
            lower = image[above + 1, before] + right * (image[above + 1, before + 1] - image[above + 1, before])
            out[i, j] = upper + down * (lower - upper)
