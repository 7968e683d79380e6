"""The newest rows of a table as pieces, in order: `pyarrow.Table`s of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_MOST_CHUNKS = 32
MOST_SMALL = 16
_SMALL_ROWS = 4096


def count_rows(pieces: Sequence[Any]) -> int:
    """Return how many rows there are."""
    return sum(int(piece.num_rows) for piece in pieces)


def join_pieces(pieces: list[Any]) -> Any:
    """Return the rows as one table of few chunks, None if there are none; each row is copied a few times in its life.

    `pieces` are joined in place.
    """
    while len(pieces) > 1 and pieces[-2].num_rows < 2 * pieces[-1].num_rows:
        pieces[-2:] = [pa.concat_tables(pieces[-2:]).combine_chunks()]
    if len(pieces) > _MOST_CHUNKS:
        pieces[:] = [pa.concat_tables(pieces).combine_chunks()]
    return pa.concat_tables(pieces) if pieces else None


def small_pieces(pieces: Sequence[Any]) -> list[Any]:
    """Return the pieces of few rows at the end: a hundred columns of few rows take several times their rows' memory."""
    large = [k for k, piece in enumerate(pieces) if piece.num_rows >= _SMALL_ROWS]
    return list(pieces[large[-1] + 1 if large else 0 :])


def without_first(pieces: Sequence[Any], count: int) -> list[Any]:
    """Return the pieces without so many rows at their beginning; none of them keeps the memory of what is gone."""
    left: list[Any] = []
    for rows in pieces:
        gone = min(count, rows.num_rows)
        count -= gone
        if gone < rows.num_rows:
            left.append(rows if not gone else rows.take(list(range(gone, rows.num_rows))))
    return left


def rows_before(rows: Any, event_id: int) -> Any:
    """Return the rows of events before one."""
    return rows.filter(pc.less(rows.column("event_id"), event_id))


def rows_behind(rows: Any, event_id: int) -> Any:
    """Return the rows of events after one."""
    return rows.filter(pc.greater(rows.column("event_id"), event_id))
