"""A training set as an `.npz` without pickled objects, written and read a part at a time."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from inference.errors import TrainingError
from inference.training.stacks import CHUNK_BYTES, Stack, StackWriter, chunks

Columns = dict[str, npt.NDArray[Any]]

FORMAT = "lightline-training-set/2"
_IMAGES = "images/"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def write_archive(path: Path, columns: Columns, images: Mapping[str, Stack]) -> None:
    """Write everything that a set knows of its cells, and their images by channel."""
    with path.open("wb") as out:
        np.savez_compressed(
            out, allow_pickle=False, format=np.array(FORMAT), channels=np.array(list(images), dtype=np.str_), **columns
        )
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, stack in images.items():
            _write_stack(archive, _IMAGES + name, stack)


def read_archive(path: Path) -> tuple[Columns, dict[str, Stack]]:
    """Read what `write_archive` wrote.

    Raises
    ------
    TrainingError
        If the file is missing or not such a set.
    """
    try:
        # Opened here: NumPy forgets to close a file that it cannot make sense of.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            if str(held["format"]) != FORMAT:
                raise TrainingError(f"The file '{path}' is not a training set of the format {FORMAT}.")
            columns: Columns = {name: held[name] for name in held.files if not name.startswith(_IMAGES)}
            channels = [str(name) for name in columns.pop("channels")]
            with zipfile.ZipFile(stream) as archive:
                return columns, {name: _read_stack(archive, _IMAGES + name) for name in channels}
    except FileNotFoundError:
        raise TrainingError(f"There is no training set '{path}'; check the name.") from None
    except (OSError, KeyError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, TrainingError):
            raise
        raise damaged(path) from None


def damaged(path: Path) -> TrainingError:
    """Return the error for a file that is no training set."""
    return TrainingError(f"The file '{path}' is not a Lightline training set, or is damaged.")


def _write_stack(archive: zipfile.ZipFile, name: str, stack: Stack) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(stack.dtype), "fortran_order": False, "shape": stack.shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as out:
        np.lib.format.write_array_header_1_0(out, header)
        for part in chunks(stack):
            out.write(np.ascontiguousarray(part).tobytes())


def _read_stack(archive: zipfile.ZipFile, name: str) -> Stack:
    with archive.open(f"{name}.npy") as file:
        shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
        if is_fortran or dtype.kind != "f" or len(shape) < 2:
            raise ValueError(f"'{name}' is no stack of images")
        writer, image_bytes = StackWriter(), int(np.prod(shape[1:])) * dtype.itemsize
        step = max(1, CHUNK_BYTES // max(image_bytes, 1))
        for at in range(0, max(shape[0], 1), step):
            n = min(step, shape[0] - at)
            part = np.frombuffer(_exactly(file, n * image_bytes), dtype=dtype)
            writer.append(part.reshape(n, *shape[1:]))
        return writer.finish()


def _exactly(file: IO[bytes], size: int) -> bytes:
    found = file.read(size)
    if len(found) != size:
        raise EOFError("the images end early")
    return found
