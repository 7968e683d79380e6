"""Pictures of cells and of what mattered in them, from arrays alone."""

from __future__ import annotations

import io
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference.errors import AnswerError

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_PERCENTILES = (0.5, 99.5)

# Lightness grows steadily from the first to the last, so that order is seen even without colour.
_ANCHORS = np.array(
    [(10, 8, 40), (72, 16, 110), (142, 36, 106), (206, 66, 72), (243, 120, 40), (251, 188, 62), (252, 250, 188)],
    dtype=np.float64,
)


def normalise_map(raw: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Scale raw maps to 0..1 by their own maximum.

    Parameters
    ----------
    raw
        `(n, ...)` maps, not negative.

    Returns
    -------
    scaled, empty
        `(n, ...)` float32, and `(n,)` bool: True where the map is zero everywhere, and stays so.
    """
    maps = np.asarray(raw, dtype=np.float32)
    peak = maps.reshape(len(maps), -1).max(axis=1) if maps.size else np.zeros(len(maps), dtype=np.float32)
    empty = ~(peak > 0)
    divisor = np.where(empty, 1.0, peak).reshape(-1, *([1] * (maps.ndim - 1)))
    return (maps / divisor).astype(np.float32), empty


def upsample_map(raw: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Enlarge maps linearly along their last axes, pixel centres at halves (as ONNX `Resize`, half_pixel).

    Parameters
    ----------
    raw
        `(..., y, x)` or, where `shape` has three sizes, `(..., z, y, x)`.
    shape
        Sizes of the last axes afterwards.
    """
    out = np.asarray(raw, dtype=np.float32)
    for axis, size in zip(range(-len(shape), 0), shape, strict=True):
        old = out.shape[axis]
        place = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        low = np.floor(place).astype(np.intp)
        high = np.minimum(low + 1, old - 1)
        share = (place - low).astype(np.float32).reshape(-1, *([1] * (-axis - 1)))
        out = np.take(out, low, axis=axis) * (1 - share) + np.take(out, high, axis=axis) * share
    return np.asarray(out, dtype=np.float32)


class HeatScale(StrEnum):
    """Which colours stand for more."""

    ORDERED = "ordered"
    """Dark violet to pale yellow, ever lighter, so that order is seen even without colour."""
    JET = "jet"
    """Blue to red, as many papers show maps; its lightness rises and falls."""


def heat_colours(values: npt.ArrayLike, scale: HeatScale = HeatScale.ORDERED) -> Bytes:
    """Colour values of 0..1, `(..., 3)` uint8."""
    if scale is HeatScale.JET:
        fourth = 4 * np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), 0, 1)
        shares = [np.clip(1.5 - np.abs(fourth - middle), 0, 1) for middle in (3, 2, 1)]
        return np.asarray((255 * np.stack(shares, axis=-1)).round(), dtype=np.uint8)
    place = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), 0, 1) * (len(_ANCHORS) - 1)
    knots = np.arange(len(_ANCHORS))
    channels = [np.interp(place, knots, _ANCHORS[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def grey_levels(image: npt.ArrayLike, lo: float | None = None, hi: float | None = None, gamma: float = 1.0) -> Bytes:
    """Map a 2D image to grey; without limits, the middle 99 % of its values fill the scale.

    Grey is the place on the scale to the power 1/gamma.

    Raises
    ------
    AnswerError
        If the image is not 2D, or `lo` is not below `hi`.
    """
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise AnswerError(f"A picture needs a 2D image, not one of shape {values.shape}; choose a slice or projection.")
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, _PERCENTILES) if finite.size else (0.0, 1.0)
    low, high = (low if lo is None else lo), (high if hi is None else hi)
    if lo is not None and hi is not None and not lo < hi:
        raise AnswerError(f"The contrast limits must ascend: lo is {lo:g}, hi is {hi:g}.")
    span = max(high - low, np.finfo(np.float32).tiny)
    scaled = np.clip(np.nan_to_num((values - low) / span, nan=0.0), 0, 1) ** (1 / gamma)
    return np.asarray((scaled * 255).round(), dtype=np.uint8)


def image_png(image: npt.ArrayLike, lo: float | None = None, hi: float | None = None, gamma: float = 1.0) -> bytes:
    """Return a 2D image as an 8-bit grey PNG; `lo` is black, `hi` white, and None chooses by percentile.

    With a gamma above 1, what is dim is brighter, see `grey_levels`.

    Raises
    ------
    AnswerError
        If the image is not 2D, or `lo` is not below `hi`.
    """
    return _png(Image.fromarray(grey_levels(image, lo, hi, gamma)))


def overlay_png(
    image: npt.ArrayLike,
    raw_map: npt.ArrayLike,
    opacity: float = 0.6,
    lo: float | None = None,
    hi: float | None = None,
    scale: HeatScale = HeatScale.ORDERED,
) -> bytes:
    """Return a 2D image in grey with one cell's saliency map over it, as an RGB PNG.

    The heat is laid on in proportion to the map, so that the cell stays visible where nothing mattered; an empty map
    leaves the grey image as it is.

    Parameters
    ----------
    image
        `(y, x)`.
    raw_map
        `(y, x)` of any smaller size, raw.
    opacity
        How much the heat covers where it is strongest, 0 to 1.
    lo, hi
        Contrast limits of the image, as in `image_png`.
    scale
        Colours of the heat.

    Raises
    ------
    AnswerError
        If the image or the map is not 2D, a limit or the opacity does not make sense.
    """
    low_resolution = np.asarray(raw_map, dtype=np.float32)
    if low_resolution.ndim != 2 or not 0 <= opacity <= 1:
        raise AnswerError("An overlay needs a 2D map and an opacity between 0 and 1.")
    grey = grey_levels(image, lo, hi)
    scaled, _ = normalise_map(upsample_map(low_resolution, grey.shape)[None])
    cover = opacity * scaled[0][..., None]
    mixed = grey[..., None] * (1 - cover) + heat_colours(scaled[0], scale) * cover
    return _png(Image.fromarray(mixed.round().astype(np.uint8)))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
