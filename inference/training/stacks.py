"""Images of many cells, of which rows are asked for: in memory, or in a file where they are too many for that."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from inference.errors import TrainingError
from inference.training.unnamed_file import UnnamedFile

Floats = npt.NDArray[np.floating]
NOT_FINITE = "The training images hold values that are not finite; leave rejected events out."
Rows = slice | npt.NDArray[np.intp]

KEPT_BYTES = 256 * 2**20
"""The most bytes of one channel's images that stay in memory; more of them lie in a file without a name."""
CHUNK_BYTES = 8 * 2**20
"""About how much is taken of a stack at a time where all of it is gone through."""


@dataclass(frozen=True, eq=False)
class StoredStack:
    """Images in a file, which goes when nobody holds it any more; rows of them are read when they are asked for.

    Attributes
    ----------
    file
        Images one behind the other, as they are in memory.
    image_shape, dtype
        Of one image.
    row
        `(n,)` the images of the file that this stack has, in its order.
    """

    file: UnnamedFile
    image_shape: tuple[int, ...]
    dtype: np.dtype[np.floating]
    row: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """As an array's."""
        return (len(self.row), *self.image_shape)

    @property
    def ndim(self) -> int:
        """As an array's."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """As an array's."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, rows: Rows) -> Floats:
        """Read these images, in this order; neighbours in the file are read at once."""
        wanted = self.row[rows]
        out = np.empty((len(wanted), *self.image_shape), dtype=self.dtype)
        ends = np.flatnonzero(np.diff(wanted) != 1) + 1
        for part in np.split(np.arange(len(wanted)), ends):
            if part.size:
                into = out[part[0] : part[-1] + 1]
                self.file.read(int(wanted[part[0]]) * into[0].nbytes, into)
        return out

    def chosen(self, rows: Rows) -> StoredStack:
        """Return these images as a stack of their own, without reading them."""
        return replace(self, row=self.row[rows])


Stack = Floats | StoredStack


def chosen(stack: Stack, rows: Rows) -> Stack:
    """Return some images of a stack, those of a file without reading them."""
    return stack.chosen(rows) if isinstance(stack, StoredStack) else stack[rows]


def chunks(stack: Stack) -> Iterator[Floats]:
    """Go through a stack in its order, about 8 MiB at a time."""
    image_bytes = int(np.prod(stack.shape[1:])) * stack.dtype.itemsize
    step = max(1, CHUNK_BYTES // max(image_bytes, 1))
    for at in range(0, len(stack), step):
        yield stack[at : at + step]


def are_finite(images: Floats) -> bool:
    """Return whether all values of images are finite."""
    return all(bool(np.isfinite(part).all()) for part in chunks(images))


def kept_images(stack: npt.NDArray[np.number], pool: int) -> Floats:
    """Return images as a set keeps them: means over cubes of volumes, as float16, or over squares of flat images."""
    n, *sizes = stack.shape
    if any(size % pool for size in sizes):
        raise TrainingError(f"Images of {' x '.join(map(str, sizes))} pixels have no cubes of {pool}; choose another.")
    if stack.ndim == 3 and pool == 1:
        return np.ascontiguousarray(stack, dtype=np.float32)
    cubes = stack.reshape(n, *(part for size in sizes for part in (size // pool, pool)))
    means = cubes.mean(axis=tuple(range(2, cubes.ndim, 2)), dtype=np.float32)
    if stack.ndim == 3:
        return np.ascontiguousarray(means)
    most = float(np.finfo(np.float16).max)
    return np.ascontiguousarray(means.clip(-most, most), dtype=np.float16)


@dataclass
class StackWriter:
    """Takes images of one channel bit by bit, and moves to a file when they become more than `KEPT_BYTES`."""

    _parts: list[Floats] = field(default_factory=list)
    _file: UnnamedFile | None = None
    _rows: int = 0
    _bytes: int = 0

    def append(self, stack: Stack) -> None:
        """Take images of one more batch, or source.

        Raises
        ------
        TrainingError
            If they hold what is not a number, or the temporary folder has no room for them.
        """
        if isinstance(stack, StoredStack):
            for part in chunks(stack):
                self.append(part)
            return
        if not are_finite(stack):
            raise TrainingError(NOT_FINITE)
        self._rows += len(stack)
        self._bytes += stack.nbytes
        self._parts.append(stack)
        if self._bytes > KEPT_BYTES:
            self._write()

    def finish(self) -> Stack:
        """Return all of them."""
        if self._file is None:
            return self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        # What is left of the last part says shape and kind.
        last = self._parts[0]
        return StoredStack(self._file, last.shape[1:], last.dtype, np.arange(self._rows, dtype=np.int64))

    def _write(self) -> None:
        try:
            self._file = self._file or UnnamedFile()
            for part in self._parts:
                self._file.append(part)
        except OSError as error:
            raise TrainingError(
                f"The folder '{tempfile.gettempdir()}' does not take the training images ({error.strerror}); "
                "name one with more room in the environment variable TMPDIR."
            ) from None
        self._parts = [self._parts[-1][:0]]
