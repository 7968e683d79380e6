"""An image in the form that the caller wants: a picture to look at, or numbers as NumPy or TIFF files."""

from __future__ import annotations

import io
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from fastapi import Depends, Path, Query, Request
from PIL import Image

from service.api.negotiation import preferred


class ImageForm(StrEnum):
    """How an image is written."""

    PNG = "png"
    """Grey levels, of one plane."""
    NPY = "npy"
    """Every number, as a NumPy file."""
    TIFF = "tiff"
    """Every number in float32; of a volume, a page for each plane along z."""


MEDIA: dict[ImageForm, str] = {
    ImageForm.PNG: "image/png",
    ImageForm.NPY: "application/x-npy",
    ImageForm.TIFF: "image/tiff",
}
IMAGES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()}}
}
"""What such a route may answer, for the OpenAPI description."""


async def named_form(
    request: Request,
    channel: Annotated[str, Path(max_length=70, description="Name of the images, `.png`, `.npy` or `.tiff` behind it")],
    format: Annotated[ImageForm | None, Query(description="Without it, the ending, or what `Accept` asks for")] = None,
) -> tuple[str, ImageForm]:
    """Return the channel and the form that a request asks for."""
    name, _, ending = channel.rpartition(".")
    known = name and ending in {form.value for form in ImageForm}
    form = format or (ImageForm(ending) if known else preferred(request.headers.get("accept"), MEDIA))
    return (name if known else channel), form


NamedForm = Annotated[tuple[str, ImageForm], Depends(named_form)]


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return the array as a NumPy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def tiff_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return an image `(y, x)`, or a volume `(z, y, x)` as pages, as a TIFF file in float32."""
    planes = np.ascontiguousarray(array, dtype=np.float32).reshape(-1, *array.shape[-2:])
    first, *others = (Image.fromarray(plane) for plane in planes)
    buffer = io.BytesIO()
    first.save(buffer, format="TIFF", save_all=bool(others), append_images=others)
    return buffer.getvalue()
