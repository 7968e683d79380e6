"""HDF5 files that grow: readable at every moment, also after a crash, and never surprised by a full disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from acquisition.disk import reserve
from service.errors import RunFolderError, StorageError
from service.store.disk import require_room, storage_errors

_CLAIM_BYTES = 8 << 20
_MOST_WAITING = 1 << 18
"""Bytes: as many as are written in a fraction of a millisecond, as somebody may be waiting."""


@dataclass(frozen=True)
class Column:
    """A dataset that grows along its first axis."""

    dtype: npt.DTypeLike
    rows_per_chunk: int
    item_shape: tuple[int, ...] = ()


class GrowingFile:
    """A new HDF5 file of growing datasets, in single-writer mode: its order of writes keeps it readable.

    HDF5 reports a full disk too late and sometimes not at all, so disk space is claimed before every write; after a
    `StorageError` the file holds what it held before.
    """

    def __init__(self, path: Path, attributes: Mapping[str, str | float], columns: Mapping[str, Column]) -> None:
        self._path = path
        self._claimed = 0
        self._failed = False
        with storage_errors(path.parent):
            require_room(path.parent, 2 * _CLAIM_BYTES)
            # Without a chunk cache every value goes straight to the system, which outlives this process.
            self._file: Any = h5py.File(path, "x", libver="v110", rdcc_nbytes=0, locking=False)
            for name, value in attributes.items():
                self._file.attrs[name] = value
            for name, column in columns.items():
                self._file.create_dataset(
                    name,
                    shape=(0, *column.item_shape),
                    maxshape=(None, *column.item_shape),
                    chunks=(column.rows_per_chunk, *column.item_shape),
                    dtype=np.dtype(column.dtype),
                )
            self._file.swmr_mode = True
            self._columns = {name: self._file[name] for name in columns}
            # h5py makes a type anew for every write, which takes longer than writing some rows of a table.
            self._types = {name: h5py.h5t.py_create(np.dtype(column.dtype)) for name, column in columns.items()}
            self._rows = dict.fromkeys(columns, 0)
            self._waiting: dict[str, list[npt.NDArray[Any]]] = {}
            self._waiting_rows = dict.fromkeys(columns, 0)
            self._waiting_bytes = 0
        try:
            self.claim(0)
        except StorageError:
            self.close()
            raise

    def __getitem__(self, name: str) -> Any:
        self._write_waiting()
        return self._columns[name]

    def rows(self, name: str) -> int:
        """Return how many rows a dataset has, those that wait among them."""
        return self._rows[name] + self._waiting_rows[name]

    def claim(self, n_bytes: int) -> None:
        """Make sure that the next `n_bytes` fit.

        Raises
        ------
        StorageError
            If they do not, or an earlier write failed.
        """
        if self._failed:
            raise StorageError(
                f"The file '{self._path}' takes no more, because the disk refused before; free some space."
            )
        with storage_errors(self._path.parent):
            # Chunks are allocated whole, so a small append may need a chunk of every dataset.
            needed = self._file.id.get_filesize() + self._waiting_bytes + n_bytes + _CLAIM_BYTES
            if needed > self._claimed:
                require_room(self._path.parent, needed + _CLAIM_BYTES - self._claimed)
                reserve(self._path, self._file.id.get_vfd_handle(), needed + _CLAIM_BYTES)
                self._claimed = needed + _CLAIM_BYTES

    def extend(self, name: str, values: npt.NDArray[Any]) -> None:
        """Append rows of the dataset's own type; `claim` their bytes first.

        Raises
        ------
        StorageError
            If the disk does not take them.
        """
        start, count = self._rows[name], values.shape[0]
        if not count:
            return
        with self._failing():
            # The calls below h5py's own cost a tenth: a line that is prompt writes a few rows at a time, and often.
            dataset = self._columns[name].id
            beside = values.shape[1:]
            dataset.set_extent((start + count, *beside))
            place = dataset.get_space()
            place.select_hyperslab((start, *(0 for _ in beside)), values.shape)
            memory = h5py.h5s.create_simple(values.shape)
            dataset.write(memory, place, np.ascontiguousarray(values, self._columns[name].dtype), self._types[name])
            self._rows[name] = start + count

    def extend_later(self, name: str, values: npt.NDArray[Any]) -> None:
        """Append rows that wait for more until `flush`, until somebody looks, or until they are many; `claim` them too.

        A write of a few rows takes as long as one of thousands. Datasets are written in the order in which the first
        rows of all came, so that one that tells of others is not ahead of them.

        Raises
        ------
        StorageError
            If the disk does not take what waits; it goes on waiting.
        """
        waiting = self._waiting.setdefault(name, [])
        if len(values):
            waiting.append(values)
            self._waiting_rows[name] += len(values)
            self._waiting_bytes += values.nbytes
        if self._waiting_bytes > _MOST_WAITING:
            self._write_waiting(_MOST_WAITING)

    def _write_waiting(self, until: int = 0) -> None:
        """Write what waits, dataset by dataset, until no more than so many bytes are left."""
        for name, pieces in self._waiting.items():
            if self._waiting_bytes <= until:
                break
            if pieces:
                values = _joined(pieces)
                self.extend(name, values)
                pieces.clear()
                self._waiting_rows[name] = 0
                self._waiting_bytes -= values.nbytes

    def flush(self) -> None:
        """Hand everything to the operating system, so that a crash of this process loses nothing of it.

        Raises
        ------
        StorageError
            If the disk does not take it.
        """
        self._write_waiting()
        if not self._failed:
            with self._failing():
                self._file.flush()

    def close(self) -> None:
        """Give claimed space back and close.

        Raises
        ------
        StorageError
            If the disk does not take the last of it.
        """
        if self._file:
            with self._failing():
                try:
                    self._write_waiting()
                    self._columns = {}
                    os.ftruncate(self._file.id.get_vfd_handle(), self._file.id.get_filesize())
                finally:
                    self._file.close()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            with storage_errors(self._path.parent):
                yield
        except StorageError:
            self._failed = True
            raise


def _joined(pieces: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return arrays of one type as one: of a type with fields, numpy takes a hundred times as long."""
    joined = np.frombuffer(b"".join([piece.tobytes() for piece in pieces]), pieces[0].dtype)
    return joined.reshape(-1, *pieces[0].shape[1:])


def open_to_read(path: Path, expected_format: str) -> Any:
    """Open a file of a run folder, also one that is being written or whose writer was killed.

    Raises
    ------
    RunFolderError
        If it is damaged or of another format.
    """
    with reading_errors(path):
        file = h5py.File(path, "r", swmr=True, locking=False)
        found = file.attrs.get("format")
    if found != expected_format:
        file.close()
        raise RunFolderError(f"The file '{path.name}' has the format '{found}', not '{expected_format}'.")
    return file


def refresh(file: Any) -> None:
    """See what the writer of an open file has added since."""

    def look(_name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset):
            found.refresh()

    file.visititems(look)


@contextlib.contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Turn what h5py says of damage into a `RunFolderError`."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if isinstance(error, RunFolderError):
            raise
        reason = str(error).partition("\n")[0]
        raise RunFolderError(f"The file '{path.name}' of the run is damaged ({reason}).") from None
