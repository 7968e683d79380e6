"""Sealed Parquet parts that never change, and a table that consists of them at one moment."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.errors import RunFolderError
from service.maps.embedding_map import EmbeddingMap

_PART = re.compile(r"part-([0-9]{5,})\.parquet")
_ROWS_PER_GROUP = 8_192
"""Few enough that a page of rows from everywhere is read quickly, many enough that a whole column is."""


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
    maps: tuple[EmbeddingMap, ...] = ()
    """Whose columns the rows have beside those that are stored."""

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(part.rows for part in self.parts) + (0 if self.tail is None else int(self.tail.num_rows))

    def with_events(self, event_ids: Sequence[int]) -> TableSnapshot:
        """Return the table without the parts that cannot have any of these events."""
        ids = sorted(event_ids)
        kept = [part for part in self.parts if bisect_left(ids, part.first) < bisect_right(ids, part.last)]
        return replace(self, parts=tuple(kept))

    def between(self, first: int, last: int) -> TableSnapshot:
        """Return the table without the parts that cannot have any event from `first` to `last`."""
        return replace(self, parts=tuple(part for part in self.parts if part.first <= last and part.last >= first))

    def only(self, pieces: Sequence[int]) -> TableSnapshot:
        """Return some of its parts, by their numbers; the number behind the last part's is that of the tail."""
        chosen = set(pieces)
        parts = tuple(part for number, part in enumerate(self.parts) if number in chosen)
        return replace(self, parts=parts, tail=self.tail if len(self.parts) in chosen else None)

    def behind(self, event_id: int, *, descending: bool) -> Iterator[TableSnapshot]:
        """Return the table piece by piece in the order of its events, from behind one on, 0 for all of them.

        Every piece has twice as many parts as the one before: who finds little in the first needs few more.
        """
        parts = [part for part in self.parts if _beyond(part, event_id, descending)]
        newest = [] if self.tail is None else [replace(self, parts=())]
        if descending:
            yield from newest
            parts.reverse()
        taken = 1
        while parts:
            yield replace(self, parts=tuple(parts[:taken]), tail=None)
            parts, taken = parts[taken:], 2 * taken
        if not descending:
            yield from newest


def sealed_parts(folder: Path, up_to: int | None = None, known: Sequence[Part] = ()) -> tuple[Part, ...]:
    """Return the parts of a table that begin no later than an event, in order; those known are not looked into.

    Raises
    ------
    RunFolderError
        If one is damaged.
    """
    before = {part.path.name: part for part in known}
    paths = sorted(path for path in folder.iterdir() if _PART.fullmatch(path.name))
    found = (before.get(path.name) or _part(path) for path in paths)
    return tuple(part for part in found if up_to is None or part.first <= up_to)


def _beyond(part: Part, event_id: int, descending: bool) -> bool:
    return not event_id or (part.first < event_id if descending else part.last > event_id)


def part_name(parts: Sequence[Part]) -> str:
    """Return the name of the part that follows these."""
    match = _PART.fullmatch(parts[-1].path.name) if parts else None
    return f"part-{int(match.group(1)) + 1 if match else 0:05d}.parquet"


def write_part(rows: Any, path: Path) -> None:
    """Write a `pyarrow.Table` as the file of a part."""
    pq.write_table(rows, path, **_layout(rows.schema))


def _layout(schema: Any) -> dict[str, Any]:
    """Return how a part is written: measured numbers hardly compress, and plain they are read several times as fast."""
    fixed = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
    plain = {field.name for field in schema if any(is_fixed(field.type) for is_fixed in fixed)}
    return {
        "use_dictionary": [field.name for field in schema if pa.types.is_string(field.type)],
        "compression": {field.name: "none" if field.name in plain else "zstd" for field in schema},
        "row_group_size": _ROWS_PER_GROUP,
    }


def _part(path: Path) -> Part:
    try:
        metadata = pq.read_metadata(path)
        groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
        # The event id is the first column of every table, and the rows are in its order.
        ids = [group.column(0).statistics for group in groups]
        return Part(path, int(metadata.num_rows), min(s.min for s in ids), max(s.max for s in ids))
    except (OSError, pa.ArrowException, ValueError, AttributeError) as error:
        raise RunFolderError(f"The table part '{path.name}' of the run is damaged ({error}).") from None
