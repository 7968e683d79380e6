"""A page sorted by any column holds the rows that sorting everything would put there, whichever parts it looks into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.store.questions import paging
from service.store.questions.cell_query import CellQuery
from service.store.questions.page_bound import Cursor, KeyPiece, page_bound
from service.store.tables.part_table import PartTable

ROWS, PART = 1200, 100
KEYS = st.one_of(st.sampled_from([0.0, 1.0, 2.0, float("nan"), float("inf")]), st.floats(-5, 5, width=32))


def columns(rng: np.random.Generator) -> dict[str, Any]:
    size = rng.normal(10, 3, ROWS).astype(np.float32)
    return {
        "event_id": np.cumsum(rng.integers(1, 4, ROWS)).astype(np.uint64),
        "size": pa.array(size, mask=rng.random(ROWS) < 0.1),
        "unknown": pa.nulls(ROWS, pa.float32()),
        "seldom": pa.array(size, mask=rng.random(ROWS) < 0.995),
        "epoch": np.zeros(ROWS, np.int32),
        "cluster": rng.integers(0, 4, ROWS),
        "far": pa.array((1 << 60) + rng.integers(0, 50, ROWS)),
        "novel": pa.array(rng.random(ROWS) < 0.02),
        "class": pa.array([[None, "b", "a", "Ä", "b | c"][k] for k in rng.integers(0, 5, ROWS)], pa.string()),
    }


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> CellQuery:
    """A table of eleven parts and rows in memory."""
    rows = pa.table(columns(np.random.default_rng(5)))
    table = PartTable.create(tmp_path_factory.mktemp("run") / "cells")
    for first in range(0, ROWS, PART):
        table.append(rows.slice(first, PART))
        if first + PART < ROWS:
            table.seal()
    return CellQuery(table)


def sorted_ids(query: CellQuery, by: str, descending: bool, passes: Callable[[dict[str, Any]], bool]) -> list[int]:
    rows = query.arrow(list(query.columns())).to_pylist()
    rows = [row for row in rows if passes(row)]
    valued = sorted((row for row in rows if row[by] is not None), key=lambda row: row["event_id"])
    valued.sort(key=lambda row: row[by], reverse=descending)
    return [row["event_id"] for row in valued] + [row["event_id"] for row in rows if row[by] is None]


@pytest.mark.parametrize("by", ["size", "unknown", "seldom", "epoch", "cluster", "far", "novel", "class"])
@pytest.mark.parametrize("where", [None, "cluster == 2 or cluster == 3"])
def test_pages_follow_each_other_through_the_whole_table(query: CellQuery, by: str, where: str | None) -> None:
    for descending in (False, True):
        expected = sorted_ids(query, by, descending, lambda row: where is None or row["cluster"] >= 2)
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            page = query.page(where, after=after, limit=350, order=("-" if descending else "") + by, fields=[by])
            assert page.total == len(expected)
            found += page.table.column("event_id").to_pylist()
            after = page.next
        assert found == expected


def test_few_parts_are_looked_into(query: CellQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    first = paging.Pager._first

    def noted(pager: paging.Pager, snapshot: Any, *rest: Any) -> list[int]:
        looked.append(len(snapshot.parts) + (snapshot.tail is not None))
        return first(pager, snapshot, *rest)

    monkeypatch.setattr(paging.Pager, "_first", noted)
    assert not query.page("epoch == 1", order="size").rows
    looked.clear()
    for order in ("epoch", "-epoch", "-novel", "class"):
        query.page(order=order, limit=10)
    assert max(looked) <= 5  # of twelve
    looked.clear()
    second = query.page(order="cluster", limit=20).next
    assert second is not None
    query.page(order="cluster", limit=20, after=second)
    assert max(looked) <= 3


@given(
    st.lists(st.lists(KEYS, max_size=6), min_size=1, max_size=6), st.integers(1, 8), st.booleans(), st.integers(0, 40)
)
def test_no_row_of_the_page_is_missed(parts: list[list[float]], count: int, descending: bool, place: int) -> None:
    pieces, ids, keys = [], [], []
    for part in (part for part in parts if part):
        mine = [len(ids) + 1 + k for k in range(len(part))]
        pieces.append(KeyPiece(mine[0], mine[-1], np.array(part, np.float32)))
        ids += mine
        keys += [float(np.float32(key)) for key in part]
    sign = -1 if descending else 1
    ranked = sorted(range(len(ids)), key=lambda k: (keys[k] != keys[k], sign * keys[k] if keys[k] == keys[k] else 0, k))
    start = place % (len(ranked) + 1)
    cursor = Cursor(ids[ranked[start - 1]], keys[ranked[start - 1]]) if start else None
    bound = page_bound(pieces, cursor, count, descending=descending)
    numbers = [number for number, piece in enumerate(pieces) for _ in piece.keys]
    for k in ranked[start : start + count]:
        assert numbers[k] in bound.pieces
        assert bound.key is None or (keys[k] >= bound.key if descending else keys[k] <= bound.key)
