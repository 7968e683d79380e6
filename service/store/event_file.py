"""An HDF5 file of a run folder with something of every event: written by one thread, read by any, also meanwhile."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from acquisition.instrument import Instrument
from service.store.event_index import EventIndex
from service.store.hdf5 import GrowingFile, open_to_read, reading_errors


class EventFile(ABC):
    """Life of such a file: created with the first event, flushed, closed to writing, read, closed.

    Those who derive from it write and read the content, under `_lock`, through `_file` and `_index`.
    """

    file_name: ClassVar[str]
    format: ClassVar[str]

    def __init__(self, path: Path, instrument: Instrument) -> None:
        self._path = path
        self._instrument = instrument
        self._lock = threading.RLock()
        self._file: Any = None
        self._index = EventIndex()

    @classmethod
    def create(cls, folder: Path, instrument: Instrument) -> Self:
        """Prepare a new one; its file appears with the first event."""
        return cls(folder / cls.file_name, instrument)

    @classmethod
    def open(cls, folder: Path, instrument: Instrument) -> Self:
        """Open the one of a run folder, which may be empty.

        Raises
        ------
        RunFolderError
            If its file is damaged.
        """
        store = cls(folder / cls.file_name, instrument)
        if store._path.exists():
            store._file = open_to_read(store._path, cls.format)
            with reading_errors(store._path):
                store._index = store._read_index(store._file)
        return store

    def __len__(self) -> int:
        return len(self._index)

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
                    self._file = open_to_read(self._path, self.format)

    def close(self) -> None:
        """Close the file; raises `StorageError` if the disk does not take the last of it."""
        with self._lock:
            if self._file is not None:
                file, self._file = self._file, None
                file.close()

    @abstractmethod
    def _read_index(self, file: Any) -> EventIndex:
        """Return which event stands in which row of a file that was opened."""
