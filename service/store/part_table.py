"""A table that grows: sealed Parquet parts that never change, and the newest rows in memory."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from service.errors import RunFolderError
from service.store.disk import write_sealed

_PART = re.compile(r"part-([0-9]{5,})\.parquet")
_ID = "event_id"


@dataclass(frozen=True)
class Part:
    """One sealed file, and the event ids of its first and last rows."""

    path: Path
    rows: int
    first: int
    last: int


@dataclass(frozen=True)
class TableSnapshot:
    """The table at one moment; it stays valid while the table grows."""

    parts: tuple[Part, ...]
    tail: Any
    """`pyarrow.Table` of the rows that are not sealed yet, or None."""
    labels: Any = None
    """`pyarrow.Table` of event_id and label, or None where rows have no labels."""

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(part.rows for part in self.parts) + (0 if self.tail is None else int(self.tail.num_rows))

    def with_event(self, event_id: int) -> TableSnapshot:
        """Return the table without the parts that cannot have this event."""
        return replace(self, parts=tuple(part for part in self.parts if part.first <= event_id <= part.last))

    def beyond(self, event_id: int, rows: int, *, descending: bool) -> TableSnapshot:
        """Return the table without the parts that the next `rows` rows after an event cannot be in."""
        kept: list[Part] = []
        found = 0
        for part in reversed(self.parts) if descending else self.parts:
            if event_id and (part.first >= event_id if descending else part.last <= event_id):
                continue
            kept.append(part)
            # The part that the event is in may have only few rows beyond it.
            found += 0 if part.first <= event_id <= part.last else part.rows
            if found >= rows:
                break
        return replace(self, parts=tuple(kept))


class PartTable:
    """Rows appended by one thread in the order of their event ids, and read by any number.

    Rows are first in memory; `seal` writes them as a part through a temporary file, so that a part is either there
    completely or not at all. A part is due after `rows_per_part` rows or `seconds_per_part` seconds.
    """

    def __init__(
        self, folder: Path, parts: tuple[Part, ...], *, rows_per_part: int = 20_000, seconds_per_part: float = 1.0
    ) -> None:
        self._folder = folder
        self._parts = parts
        self._rows_per_part = rows_per_part
        self._seconds_per_part = seconds_per_part
        self._lock = threading.Lock()
        self._tail: list[Any] = []
        self._tail_rows = 0
        self._tail_since = 0.0
        self._schema: Any = pq.read_schema(parts[0].path) if parts else None

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make the folder of a new, empty table."""
        folder.mkdir(parents=True)
        return cls(folder, ())

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read which parts there are.

        Raises
        ------
        RunFolderError
            If a part is damaged.
        """
        return cls(folder, tuple(_part(path) for path in sorted(folder.iterdir()) if _PART.fullmatch(path.name)))

    @property
    def schema(self) -> Any:
        """`pyarrow.Schema` of the rows, None before the first."""
        return self._schema

    @property
    def last_id(self) -> int:
        """Event id of the newest row, 0 before the first."""
        with self._lock:
            if self._tail:
                return int(self._tail[-1][_ID][-1].as_py())
            return self._parts[-1].last if self._parts else 0

    def append(self, rows: Any) -> None:
        """Take a `pyarrow.Table` whose columns are those of the rows before."""
        with self._lock:
            if self._schema is None:
                self._schema = rows.schema
            if not self._tail:
                self._tail_since = time.monotonic()
            self._tail.append(rows.cast(self._schema))
            self._tail_rows += rows.num_rows

    def snapshot(self) -> TableSnapshot:
        """Return the table as it stands."""
        with self._lock:
            return TableSnapshot(self._parts, self._joined_tail())

    def due(self) -> bool:
        """Tell whether the rows in memory should be sealed."""
        with self._lock:
            waited = time.monotonic() - self._tail_since
            return bool(self._tail) and (self._tail_rows >= self._rows_per_part or waited >= self._seconds_per_part)

    def seal(self) -> None:
        """Write the rows in memory as a part; only the appending thread may call it.

        Raises
        ------
        StorageError
            If the disk does not take it; the rows then stay in memory.
        """
        tail = self.snapshot().tail
        if tail is None:
            return
        path = self._folder / f"part-{self._next_number():05d}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(tail, sink, compression="zstd")
        write_sealed(path, sink.getvalue().to_pybytes())
        with self._lock:
            self._parts = (*self._parts, Part(path, int(tail.num_rows), tail[_ID][0].as_py(), tail[_ID][-1].as_py()))
            self._tail = []
            self._tail_rows = 0

    def discard_tail(self) -> Any:
        """Give up the rows that could not be sealed, and return them."""
        with self._lock:
            tail = self._joined_tail()
            self._tail = []
            self._tail_rows = 0
            return tail

    def file_names(self) -> list[str]:
        """Names of the sealed parts, relative to the run folder."""
        return [f"{self._folder.name}/{part.path.name}" for part in self._parts]

    def _joined_tail(self) -> Any:
        if len(self._tail) > 1:
            self._tail = [pa.concat_tables(self._tail).combine_chunks()]
        return self._tail[0] if self._tail else None

    def _next_number(self) -> int:
        match = _PART.fullmatch(self._parts[-1].path.name) if self._parts else None
        return int(match.group(1)) + 1 if match else 0


def _part(path: Path) -> Part:
    try:
        metadata = pq.read_metadata(path)
        groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
        # The event id is the first column of every table, and the rows are in its order.
        ids = [group.column(0).statistics for group in groups]
        return Part(path, int(metadata.num_rows), min(s.min for s in ids), max(s.max for s in ids))
    except (OSError, pa.ArrowException, ValueError, AttributeError) as error:
        raise RunFolderError(f"The table part '{path.name}' of the run is damaged ({error}).") from None
