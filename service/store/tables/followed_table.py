"""A table of a run that another process writes, as far as its rows are safe."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.store.tables.part_table import PartTable
from service.store.tables.parts import TableSnapshot, sealed_parts
from service.store.tables.row_log import LOG, read_log
from service.store.tables.row_pieces import rows_behind


class FollowedTable(PartTable):
    """The parts and the log of a table, read again where they have changed whenever somebody asks; never written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ())
        self._looking = threading.Lock()
        self._seen: tuple[object, ...] | None = None

    @property
    def schema(self) -> Any:
        """`pyarrow.Schema` of the rows, None before the first."""
        self._catch_up()
        return super().schema

    @property
    def last_id(self) -> int:
        """Event id of the newest row, 0 before the first."""
        self._catch_up()
        return super().last_id

    @property
    def rows(self) -> int:
        """How many rows there are."""
        self._catch_up()
        return super().rows

    def snapshot(self) -> TableSnapshot:
        """Return the table as it stands."""
        self._catch_up()
        return super().snapshot()

    def file_names(self) -> list[str]:
        """Names of the sealed parts, relative to the run folder."""
        self._catch_up()
        return super().file_names()

    def _catch_up(self) -> None:
        with self._looking:
            # Before they are read: what changes meanwhile is seen the next time.
            seen = _stamp(self._folder / LOG), _stamp(self._folder)
            if seen == self._seen:
                return
            # The log first: its rows are in a part before they are taken out of it.
            log = read_log(self._folder, self._parts[-1].last if self._parts else 0)
            parts = sealed_parts(self._folder, known=self._parts)
            tail = [] if log is None else [rows_behind(log, parts[-1].last if parts else 0)]
            tail = [rows for rows in tail if rows.num_rows]
            with self._lock:
                self._parts, self._tail = parts, tail
                if self._schema is None and (parts or tail):
                    self._schema = tail[0].schema if tail else pq.read_schema(parts[0].path)
            self._seen = seen


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file or folder; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
