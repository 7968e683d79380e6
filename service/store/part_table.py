"""A table that grows: sealed Parquet parts that never change, and the newest rows in memory and in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.errors import StorageError
from service.store.disk import write_sealed
from service.store.parts import Part, TableSnapshot, part_bytes, part_name, sealed_parts
from service.store.row_log import RowLog, read_log

_ID = "event_id"
_MOST_CHUNKS = 32


@dataclass(frozen=True)
class Mark:
    """How far a table had come: rows in memory, and how many pieces of them were not safe."""

    rows: int
    unsafe: int


class PartTable:
    """Rows appended by one thread in the order of their event ids, kept by one, and read by any number.

    Rows are first in memory. `keep` makes them safe: it adds them to a log beside the parts, or, once there are many,
    writes them as a part, through a temporary file, so that a part is either there completely or not at all. Who
    appends does not wait for that. Parts are large, because a question looks into every one of them.

    Parameters
    ----------
    folder
        Where the parts are.
    parts
        Those there are.
    tail
        Rows of a log that a crash left, or that another process writes; None for none.
    rows_per_part
        A part is written when so many rows are in memory.
    seconds_unsafe
        Rows are due to be kept after so many seconds: less than the one that a crash may take, as keeping takes time.
    """

    def __init__(
        self,
        folder: Path,
        parts: tuple[Part, ...],
        tail: Any = None,
        *,
        rows_per_part: int = 65_536,
        seconds_unsafe: float = 0.7,
    ) -> None:
        self._folder = folder
        self._parts = parts
        self._rows_per_part = rows_per_part
        self._seconds_unsafe = seconds_unsafe
        self._lock = threading.Lock()
        self._log = RowLog(folder)
        # A log that was there is not added to: its rows are the first of the next part.
        self._log_is_ours = tail is None
        self._tail: list[Any] = [] if tail is None else [tail]
        self._unsafe: list[Any] = []
        self._unsafe_since = 0.0
        self._schema: Any = pq.read_schema(parts[0].path) if parts else None if tail is None else tail.schema

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make the folder of a new, empty table."""
        folder.mkdir(parents=True)
        return cls(folder, ())

    @classmethod
    def open(cls, folder: Path, up_to: int | None = None) -> Self:
        """Read which parts there are, and what is in the log; of parts that begin behind an event, nothing is known.

        Raises
        ------
        RunFolderError
            If a part is damaged.
        """
        parts = sealed_parts(folder, up_to)
        return cls(folder, parts, read_log(folder, parts[-1].last if parts else 0))

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

    @property
    def rows(self) -> int:
        """How many rows there are."""
        with self._lock:
            return sum(part.rows for part in self._parts) + _rows(self._tail)

    def append(self, rows: Any) -> None:
        """Take a `pyarrow.Table` whose columns are those of the rows before."""
        with self._lock:
            if self._schema is None:
                self._schema = rows.schema
            if not self._unsafe:
                self._unsafe_since = time.monotonic()
            if not rows.schema.equals(self._schema):
                rows = rows.cast(self._schema)
            self._tail.append(rows)
            self._unsafe.append(rows)

    def snapshot(self) -> TableSnapshot:
        """Return the table as it stands."""
        with self._lock:
            return TableSnapshot(self._parts, self._joined_tail())

    def due(self) -> bool:
        """Tell whether the newest rows should be kept."""
        with self._lock:
            waited = time.monotonic() - self._unsafe_since
            return bool(self._unsafe) and (waited >= self._seconds_unsafe or _rows(self._unsafe) >= self._rows_per_part)

    def mark(self) -> Mark:
        """Return how far the table has come, for `keep`."""
        with self._lock:
            return Mark(_rows(self._tail), len(self._unsafe))

    def keep(self, mark: Mark) -> None:
        """Make the rows up to a mark safe against a crash; only the thread that keeps may call it.

        Raises
        ------
        StorageError
            If the disk does not take them; they stay in memory.
        """
        if mark.rows >= self._rows_per_part or not self._log_is_ours:
            self._seal(mark)
        elif mark.unsafe:
            with self._lock:
                unsafe, now = self._unsafe[: mark.unsafe], time.monotonic()
            kept = pa.concat_tables(unsafe).combine_chunks()
            try:
                self._log.append(kept)
            except StorageError:
                self._log_is_ours = False
                raise
            with self._lock:
                self._now_safe(mark, now)
                self._replace(unsafe, kept)

    def seal(self) -> None:
        """Write the rows in memory as a part; raises as `keep` does."""
        self._seal(self.mark())

    def _seal(self, mark: Mark) -> None:
        with self._lock:
            tail, now = list(self._tail), time.monotonic()
        if not mark.rows:
            return
        rows = pa.concat_tables(tail).slice(0, mark.rows).combine_chunks()
        path = self._folder / part_name(self._parts)
        write_sealed(path, part_bytes(rows))
        with self._lock:
            self._parts = (*self._parts, Part(path, mark.rows, rows[_ID][0].as_py(), rows[_ID][-1].as_py()))
            self._tail = _without_first(self._tail, mark.rows)
            self._now_safe(mark, now)
        self._log.clear()
        self._log_is_ours = True

    def _now_safe(self, mark: Mark, when_s: float) -> None:
        """Forget that the rows up to a mark were not safe; those since have waited from `when_s` on at most."""
        self._unsafe = self._unsafe[mark.unsafe :]
        self._unsafe_since = when_s

    def _replace(self, small: list[Any], joined: Any) -> None:
        """Hold one piece of the tail in place of many small ones, which take several times the memory of their rows."""
        places = [k for k, rows in enumerate(self._tail) if rows is small[0]]
        # A question may have joined them meanwhile.
        if places and len(small) > 1:
            first = places[0]
            if all(a is b for a, b in zip(self._tail[first : first + len(small)], small, strict=False)):
                self._tail[first : first + len(small)] = [joined]

    def discard_unsafe(self) -> Any:
        """Give up the rows that could not be kept, and return them."""
        with self._lock:
            unsafe, self._unsafe = self._unsafe, []
            lost = {id(rows) for rows in unsafe}
            rows = pa.concat_tables(unsafe) if unsafe else None
            if lost:
                first = unsafe[0][_ID][0].as_py()
                self._tail = [kept for kept in (_before(rows, first) for rows in self._tail) if kept.num_rows]
            return rows

    def close(self) -> None:
        """Give the log's file back; what is in it stays."""
        self._log.close()

    def file_names(self) -> list[str]:
        """Names of the sealed parts, relative to the run folder."""
        return [f"{self._folder.name}/{part.path.name}" for part in self._parts]

    def _joined_tail(self) -> Any:
        """Return the rows in memory as one table of few chunks; each row is copied a few times at most in its life."""
        while len(self._tail) > 1 and self._tail[-2].num_rows < 2 * self._tail[-1].num_rows:
            self._tail[-2:] = [pa.concat_tables(self._tail[-2:]).combine_chunks()]
        if len(self._tail) > _MOST_CHUNKS:
            self._tail = [pa.concat_tables(self._tail).combine_chunks()]
        return pa.concat_tables(self._tail) if self._tail else None


def _rows(tables: list[Any]) -> int:
    return sum(int(table.num_rows) for table in tables)


def _without_first(tables: Sequence[Any], count: int) -> list[Any]:
    """Return the tables without so many rows at their beginning; none of them keeps the memory of what is gone."""
    left: list[Any] = []
    for rows in tables:
        gone = min(count, rows.num_rows)
        count -= gone
        if gone < rows.num_rows:
            left.append(rows if not gone else rows.take(list(range(gone, rows.num_rows))))
    return left


def _before(rows: Any, event_id: int) -> Any:
    return rows.filter(pc.less(rows.column(_ID), event_id))
