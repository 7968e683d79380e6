"""The rows of a table that are in no part yet, in a file that a crash cannot make worse than short."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.store.disk import require_room, storage_errors
from service.store.tables.row_pieces import rows_behind

LOG = "tail.arrows"


class RowLog:
    """`tail.arrows` beside the parts: an Arrow stream to which rows are appended, until they are in a part.

    One thread writes.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG
        self._file: Any = None

    def append(self, rows: Any) -> None:
        """Append the rows of a `pyarrow.Table`, and return when the operating system has them.

        Raises
        ------
        StorageError
            If the disk does not take them; then the file is as it was, and is not written to until `clear`.
        """
        require_room(self.path.parent, rows.nbytes)
        with storage_errors(self.path.parent):
            # The messages of a stream, each put together without Python: a stream that writes to one of its files asks
            # for Python's turn with every column.
            messages = [batch.serialize() for batch in rows.to_batches()]
            if self._file is None:
                self._file = self.path.open("wb")
                messages.insert(0, rows.schema.serialize())
            good = self._file.tell()
            try:
                for message in messages:
                    self._file.write(message)
                self._file.flush()
            except (OSError, pa.ArrowException):
                os.truncate(self.path, good)
                self.close()
                raise

    def clear(self) -> None:
        """Take the file away; its rows are in a part now."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the file back, as it is."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def read_log(folder: Path, after: int) -> Any:
    """Return the rows of a log with event ids above one, a `pyarrow.Table`; None if there are none.

    What a crash cut off at its end is left out.
    """
    path = folder / LOG
    if not path.is_file():
        return None
    batches = []
    try:
        with pa.ipc.open_stream(path.read_bytes()) as reader:
            for batch in reader:
                batches.append(batch)
    except (OSError, pa.ArrowException):
        # The last batch was being written when the process ended.
        pass
    if not batches:
        return None
    rows = pa.Table.from_batches(batches)
    newer = rows_behind(rows, after)
    return newer.combine_chunks() if newer.num_rows else None
