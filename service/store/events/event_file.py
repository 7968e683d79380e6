"""An HDF5 file of a run folder with something of every event: written by one thread, read by any, also meanwhile."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Instrument
from service.store.events.event_index import EventIndex
from service.store.events.hdf5 import GrowingFile, open_to_read, reading_errors, refresh


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
        self._followed = False

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
                store._index.add(store._event_ids(store._file, 0))
        return store

    @classmethod
    def follow(cls, folder: Path, instrument: Instrument) -> Self:
        """Open the one of a run that another process writes; what is added is seen when somebody asks for it.

        Raises
        ------
        RunFolderError
            If its file is damaged.
        """
        store = cls.open(folder, instrument)
        store._followed = True
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

    def _look_for(self, event_ids: Sequence[int]) -> None:
        """Read on, once, where another process writes the file and one of these events is not known yet."""
        if self._followed and any(self._index.find(event_id) is None for event_id in event_ids):
            self._catch_up()

    def _catch_up(self) -> None:
        """Read how far the file has come, where another process writes it."""
        if self._followed and self._file is None and self._path.exists():
            self._file = open_to_read(self._path, self.format)
        if self._followed and self._file is not None:
            with reading_errors(self._path):
                refresh(self._file)
                self._index.add(self._event_ids(self._file, len(self._index)))

    @abstractmethod
    def _event_ids(self, file: Any, first_row: int) -> npt.NDArray[np.uint64]:
        """Return the events in the rows of a file that was opened, from one on."""
