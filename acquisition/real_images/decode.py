"""Image files as arrays, with limits on what is taken from strangers."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from acquisition.errors import ConfigError
from acquisition.real_images.raw import Floats, RawCell

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
MOST_BYTES = 64 << 20
"""Of one image file."""
MOST_PIXELS = 1 << 26
"""Of one image; a cell is thousands."""
_GREEN = 1
_FORMATS = ("PNG", "JPEG")


def decode(data: bytes, name: str) -> RawCell:
    """Return the cell that an image file shows: a flat image as transmission, a stack as a volume.

    A colour image is taken for a stained smear, whose green is the transmission: the stains absorb it most.

    Raises
    ------
    ConfigError
        If the file is damaged, too large, or of a kind that is not read.
    """
    pixels = _decode_tiff(data, name) if name.lower().endswith((".tif", ".tiff")) else _decode_flat(data, name)
    if pixels.size == 0 or min(pixels.shape[:2]) < 2 or not np.isfinite(pixels).all():
        raise ConfigError(f"The image '{name}' holds no picture; leave it out.")
    if pixels.ndim == 2:
        return RawCell(transmission=pixels)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        colour = np.ascontiguousarray(np.moveaxis(pixels[:, :, :3], 2, 0))
        return RawCell(transmission=colour[_GREEN], colour=colour)
    if pixels.ndim == 3:
        return RawCell(volume=pixels)
    raise ConfigError(f"The image '{name}' has {pixels.ndim} axes; a flat image or one stack is read.")


def colour_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a colour image; None for anything else."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return image.size if image.mode == "RGB" else None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def read_tiff(data: bytes, name: str) -> npt.NDArray[np.generic]:
    """Return the first series of a TIFF file as it is stored.

    Raises
    ------
    ConfigError
        If `tifffile` is not installed, or the file is damaged or too large.
    """
    try:
        # Imported here: only those who read TIFF need it.
        import tifffile
    except ModuleNotFoundError:
        raise ConfigError("Reading TIFF needs tifffile; install it with: pip install 'lightline[importers]'.") from None
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            series = file.series[0]
            if series.size > MOST_PIXELS:
                raise ConfigError(f"The image '{name}' is too large: {series.size} pixels, at most {MOST_PIXELS}.")
            return np.asarray(series.asarray())
    except (tifffile.TiffFileError, ValueError, IndexError, OSError, RuntimeError, KeyError, zlib.error, struct.error):
        raise ConfigError(f"The image '{name}' is damaged or of a kind that is not read; leave it out.") from None


def _decode_tiff(data: bytes, name: str) -> Floats:
    pixels = read_tiff(data, name)
    if pixels.dtype.kind not in "buif":
        raise ConfigError(f"The image '{name}' has pixels of the type {pixels.dtype}; numbers are read.")
    return np.ascontiguousarray(np.squeeze(pixels), dtype=np.float32)


def _decode_flat(data: bytes, name: str) -> Floats:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ConfigError(
                    f"The image '{name}' is too large: {image.width * image.height} pixels, at most {MOST_PIXELS}."
                )
            deep = image.mode.startswith("I") or image.mode == "F"
            grey = deep or image.mode in {"L", "LA", "1"}
            plain = image if deep else image.convert("L" if grey else "RGB")
            return np.asarray(plain, dtype=np.float32)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError, zlib.error):
        raise ConfigError(f"The image '{name}' is damaged or of a kind that is not read; leave it out.") from None
