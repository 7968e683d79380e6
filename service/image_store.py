"""The flat images of every event of a run, in HDF5."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Instrument
from reconstruction.images import CellImages
from service.event_index import EventIndex
from service.hdf5 import Column, GrowingFile, open_to_read, reading_errors

FORMAT = "lightline-images/1"
FILE_NAME = "images-0000.h5"
_IMAGES_PER_CHUNK = 4
_GROUP = "images/"


class ImageStore:
    """`event_id` (n,) uint64 and `images/<channel>` (n, y, x) float32, appended by one thread, read by any."""

    def __init__(self, path: Path, instrument: Instrument) -> None:
        self._path = path
        self._instrument = instrument
        self._lock = threading.RLock()
        self._file: Any = None
        self._index = EventIndex()
        self._channels: tuple[str, ...] = ()

    @classmethod
    def create(cls, folder: Path, instrument: Instrument) -> Self:
        """Prepare a new store; its file appears with the first images."""
        return cls(folder / FILE_NAME, instrument)

    @classmethod
    def open(cls, folder: Path, instrument: Instrument) -> Self:
        """Open the store of a run folder, which may be empty.

        Raises
        ------
        RunFolderError
            If its file is damaged.
        """
        store = cls(folder / FILE_NAME, instrument)
        if store._path.exists():
            store._file = open_to_read(store._path, FORMAT)
            with reading_errors(store._path):
                store._channels = tuple(store._file[_GROUP])
                lengths = [len(store._file[_GROUP + name]) for name in store._channels]
                store._index = EventIndex(store._file["event_id"][: min(lengths)])
        return store

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that are stored."""
        return self._channels

    def __len__(self) -> int:
        return len(self._index)

    def append(self, images: CellImages) -> None:
        """Write the flat images of a batch.

        Raises
        ------
        StorageError
            If the disk does not take them.
        """
        flat = {name: stack for name, stack in images.images.items() if stack.ndim == 3}
        if not len(images) or not flat:
            return
        with self._lock:
            if self._file is None:
                self._file = self._create(flat, images.pixel_um)
                self._channels = tuple(flat)
            self._file.claim(sum(stack.nbytes + images.event_id.nbytes for stack in flat.values()))
            for name in self._channels:
                self._file.extend(_GROUP + name, flat[name])
            # Ids last: a reader believes in no more images than there are ids.
            self._file.extend("event_id", images.event_id)
            self._index.add(images.event_id)

    def read(self, event_id: int, channel: str) -> npt.NDArray[np.float32] | None:
        """Return one image `(y, x)` float32; None if it is not stored.

        Raises
        ------
        RunFolderError
            If the file is damaged.
        """
        with self._lock:
            row = self._index.find(event_id)
            if row is None or self._file is None or channel not in self._channels:
                return None
            with reading_errors(self._path):
                return np.asarray(self._file[_GROUP + channel][row], dtype=np.float32)

    def flush(self) -> None:
        """Make everything appended so far safe against a crash of this process; raises `StorageError`."""
        with self._lock:
            if isinstance(self._file, GrowingFile):
                self._file.flush()

    def finish(self) -> None:
        """Close the file to writing and open it to reading; raises `StorageError`, and readers lose nothing by it."""
        with self._lock:
            if isinstance(self._file, GrowingFile):
                writer, self._file = self._file, None
                try:
                    writer.close()
                finally:
                    self._file = open_to_read(self._path, FORMAT)

    def close(self) -> None:
        """Close the file; raises `StorageError` if the disk does not take the last of it."""
        with self._lock:
            if self._file is not None:
                file, self._file = self._file, None
                file.close()

    def _create(self, flat: dict[str, Any], pixel_um: float) -> GrowingFile:
        attributes: dict[str, str | float] = {
            "format": FORMAT,
            "instrument": self._instrument.to_json(),
            "pixel_um": pixel_um,
        }
        columns = {"event_id": Column(np.uint64, rows_per_chunk=1024)}
        for name, stack in flat.items():
            columns[_GROUP + name] = Column(np.float32, _IMAGES_PER_CHUNK, stack.shape[1:])
        return GrowingFile(self._path, attributes, columns)
