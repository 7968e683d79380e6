"""Rows of events that are known by their ids, read as they are stored: for a few, SQL takes ten times as long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.store.labels import COLUMN
from service.store.tables.parts import TableSnapshot

_ID = "event_id"
MOST_GROUPS = 8
"""Row groups that are read whole for the sake of few rows."""


def read_rows(snapshot: TableSnapshot, ids: Sequence[int], names: Sequence[str]) -> Any:
    """Return rows of a table as it stood, in the order of their ids in every piece; None where they lie too far apart.

    Parameters
    ----------
    snapshot
        The table; it has rows.
    ids
        Events wanted; those that the table does not have are left out.
    names
        Columns wanted, those of maps and labels among them.
    """
    wanted = np.sort(np.asarray(ids, np.uint64))
    maps = [one for one in snapshot.maps if set(one.columns) & set(names)]
    needed = {_ID, *names, *(name for one in maps for name in one.of)}
    pieces: list[Any] = []
    groups = 0
    for part in snapshot.with_events(ids).parts:
        with pq.ParquetFile(part.path, memory_map=True) as file:
            places = _groups(file.metadata, wanted)
            groups += len(places)
            if groups > MOST_GROUPS:
                return None
            stored = [name for name in file.schema_arrow.names if name in needed]
            pieces.append(_chosen(file.read_row_groups(places, columns=stored, use_threads=False), wanted))
    if snapshot.tail is not None:
        stored = [name for name in snapshot.tail.column_names if name in needed]
        pieces.append(_chosen(snapshot.tail.select(stored), wanted))
    if not pieces:
        return None
    rows = pa.concat_tables([piece.cast(pieces[0].schema) for piece in pieces])
    for one in maps:
        rows = one.of_rows(rows)
    if COLUMN in names and snapshot.labels is not None:
        rows = rows.append_column(COLUMN, _labels(rows.column(_ID), snapshot.labels))
    return rows.select(list(names))


def _groups(about: Any, wanted: npt.NDArray[np.uint64]) -> list[int]:
    """Return which row groups of a part may have some of these events."""
    found = []
    for number in range(about.num_row_groups):
        ends = about.row_group(number).column(0).statistics
        if np.searchsorted(wanted, ends.min) < np.searchsorted(wanted, ends.max, side="right"):
            found.append(number)
    return found


def _chosen(rows: Any, wanted: npt.NDArray[np.uint64]) -> Any:
    """Return the rows of these events."""
    return rows.take(np.flatnonzero(np.isin(rows.column(_ID).to_numpy(), wanted)))


def _labels(ids: Any, labels: Any) -> Any:
    if not labels.num_rows:
        return pa.nulls(len(ids), pa.string())
    return pc.take(labels.column(COLUMN), pc.index_in(ids, value_set=labels.column(_ID).combine_chunks()))
