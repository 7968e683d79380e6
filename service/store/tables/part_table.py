"""A table that grows: sealed Parquet parts that never change, and the newest rows in memory and in a log."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from service.errors import StorageError
from service.store.disk import write_sealed
from service.store.steps import Rest, no_rest
from service.store.tables.later_rows import LaterRows
from service.store.tables.parts import Part, TableSnapshot, part_name, sealed_parts, write_part
from service.store.tables.row_log import RowLog, read_log
from service.store.tables.row_pieces import (
    MOST_SMALL,
    count_rows,
    join_pieces,
    rows_before,
    small_pieces,
    without_first,
)

_ID = "event_id"
_BATCHES_AT_ONCE = 64
"""As many as are joined in a millisecond, in which nothing else of Python goes on; a table of them takes as long."""


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
        rows_per_part: int = 32_768,
        seconds_unsafe: float = 0.55,
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
        self._later: list[LaterRows] = []
        """The newest rows, which are in no table yet."""
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
        if self._schema is None:
            self._make_tables()
        return self._schema

    @property
    def last_id(self) -> int:
        """Event id of the newest row, 0 before the first."""
        self._make_tables()
        with self._lock:
            if self._tail:
                return int(self._tail[-1][_ID][-1].as_py())
            return self._parts[-1].last if self._parts else 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        with self._lock:
            return sum(part.rows for part in self._parts) + count_rows(self._tail) + count_rows(self._later)

    def append(self, rows: Any) -> None:
        """Take a `pyarrow.Table` whose columns are those of the rows before."""
        self._make_tables()
        with self._lock:
            self._note_age()
            self._append(rows)

    def append_later(self, rows: LaterRows) -> None:
        """Take rows of the same columns that become a table when somebody asks for them, or they are made safe."""
        with self._lock:
            self._note_age()
            self._later.append(rows)

    def snapshot(self) -> TableSnapshot:
        """Return the table as it stands."""
        self._make_tables()
        with self._lock:
            return TableSnapshot(self._parts, join_pieces(self._tail))

    def due(self) -> bool:
        """Tell whether the newest rows should be kept."""
        with self._lock:
            waited = time.monotonic() - self._unsafe_since
            unsafe = count_rows(self._unsafe) + count_rows(self._later)
            return unsafe > 0 and (waited >= self._seconds_unsafe or unsafe >= self._rows_per_part)

    def mark(self, rest: Rest = no_rest) -> Mark:
        """Return how far the table has come, for `keep`; `rest` is called now and then meanwhile."""
        self._make_tables(rest)
        with self._lock:
            return Mark(count_rows(self._tail), len(self._unsafe))

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
                small = small_pieces(self._tail)
            if len(small) > MOST_SMALL:
                gathered = pa.concat_tables(small).combine_chunks()
                with self._lock:
                    self._replace(small, gathered)

    def seal(self) -> None:
        """Write the rows in memory as a part; raises as `keep` does."""
        self._seal(self.mark())

    def _seal(self, mark: Mark) -> None:
        with self._lock:
            tail, now = list(self._tail), time.monotonic()
        if not mark.rows:
            return
        # In pieces, as a copy of them all would take as much memory again.
        rows = pa.concat_tables(tail).slice(0, mark.rows)
        path = self._folder / part_name(self._parts)
        write_sealed(path, partial(write_part, rows))
        with self._lock:
            self._parts = (*self._parts, Part(path, mark.rows, rows[_ID][0].as_py(), rows[_ID][-1].as_py()))
            self._tail = without_first(self._tail, mark.rows)
            self._now_safe(mark, now)
        self._log.clear()
        self._log_is_ours = True
        del rows, tail
        # What they were in would be kept for rows to come, beside what those are put into meanwhile.
        pa.default_memory_pool().release_unused()

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
        self._make_tables()
        with self._lock:
            unsafe, self._unsafe = self._unsafe, []
            lost = {id(rows) for rows in unsafe}
            rows = pa.concat_tables(unsafe) if unsafe else None
            if lost:
                first = unsafe[0][_ID][0].as_py()
                self._tail = [kept for kept in (rows_before(rows, first) for rows in self._tail) if kept.num_rows]
            return rows

    def close(self) -> None:
        """Give the log's file back; what is in it stays."""
        self._log.close()

    def file_names(self) -> list[str]:
        """Names of the sealed parts, relative to the run folder."""
        return [f"{self._folder.name}/{part.path.name}" for part in self._parts]

    def _note_age(self) -> None:
        """Note when the first of the rows came that are not safe."""
        if not self._unsafe and not self._later:
            self._unsafe_since = time.monotonic()

    def _make_tables(self, rest: Rest = no_rest) -> None:
        """Make a table of the rows that are in none now; who appends does not wait meanwhile."""
        left = len(self._later)
        while later := self._later[: min(left, _BATCHES_AT_ONCE)]:
            first, *others = later
            left -= len(others) or 1
            joined = first.joined(others) if others else None
            made = first.table if joined is None else None
            with self._lock:
                # Somebody else may have been faster.
                if self._later and self._later[0] is first:
                    self._later[: len(later)] = [] if joined is None else [joined]
                    if made is not None:
                        self._append(made)
            rest()

    def _append(self, rows: Any) -> None:
        if self._schema is None:
            self._schema = rows.schema
        if not rows.schema.equals(self._schema):
            rows = rows.cast(self._schema)
        self._tail.append(rows)
        self._unsafe.append(rows)
