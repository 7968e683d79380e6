"""Questions to a run of ten million cells, beside plain DuckDB over Parquet parts as pyarrow writes them."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.page import table
from service.gates.book import GateBook
from service.gates.gate import Gate
from service.store.labels import Labels
from service.store.questions.binning import Binning
from service.store.questions.cell_query import CellQuery
from service.store.questions.row_stream import RowStream
from service.store.questions.statistics import Statistics
from service.store.tables.part_table import PartTable

CELLS = 10_000_000
BATCH = 50_000
TIMES = 7
NUMBERS = tuple(f"feature_{k}" for k in range(26))
Question = tuple[str, Callable[[], object], Callable[[], object] | None]
CLASSES = np.array(["lymphocyte", "monocyte", "neutrophil", "eosinophil"])


def rows(first: int, count: int, numbers: Sequence[str] = NUMBERS) -> pa.Table:
    """Make cells with 33 columns, or with fewer numbers, correlated as cells are; drawn, not measured."""
    draw = np.random.default_rng(first)
    size = draw.lognormal(0, 0.3, count)
    kind = draw.integers(0, 4, count)
    columns: dict[str, object] = {
        "event_id": np.arange(first, first + count, dtype=np.uint64),
        "epoch": np.zeros(count, np.int32),
        "time_s": np.arange(first, first + count) / 5000.0,
        "cluster": kind.astype(np.int64),
        "class": pa.array(CLASSES[kind]),
        "novelty": draw.chisquare(3, count).astype(np.float32),
        "area_um2": (80 * size**2 * (1 + 0.2 * kind)).astype(np.float32),
    }
    for name in numbers:
        columns[name] = (size * draw.normal(10, 2, count)).astype(np.float32)
    return pa.table(columns)


def quickest(ask: Callable[[], object], times: int = TIMES) -> tuple[float, float]:
    """Return the first and the quickest of several answers, in ms."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(1e3 * (time.perf_counter() - began))
    return taken[0], min(taken[1:])


def plain(folder: Path) -> Callable[[str], object]:
    """Return plain DuckDB over plain parts."""
    database = duckdb.connect(":memory:", config={"threads": "2"})
    files = f"{folder}/*.parquet"
    return lambda sql: database.sql(f"WITH cells AS (SELECT * FROM read_parquet('{files}')) {sql}").to_arrow_table()


def stored(folder: Path, cells: int) -> tuple[PartTable, float, float]:
    """Store a run's table and plain parts beside it; return the table, and rows/s of both."""
    (folder / "plain").mkdir()
    kept = PartTable.create(folder / "cells")
    spent = plain_spent = 0.0
    for first in range(1, cells + 1, BATCH):
        batch = rows(first, BATCH)
        began = time.perf_counter()
        kept.append(batch)
        if kept.due():
            kept.keep(kept.mark())
        between = time.perf_counter()
        pq.write_table(batch, folder / "plain" / f"{first:09d}.parquet")
        spent += between - began
        plain_spent += time.perf_counter() - between
    began = time.perf_counter()
    kept.seal()
    return kept, cells / (spent + time.perf_counter() - began), cells / plain_spent


def questions(query: CellQuery, sql: Callable[[str], object], middle: int) -> list[Question]:
    """What is asked, of the run and of plain DuckDB."""
    x, y = Binning("area_um2", 128), Binning("feature_3", 128)
    many = Statistics(query)
    where = "area_um2 > 150 and class = 'monocyte'"
    median, value = middle_of(query, "feature_7")
    box = "area_um2 BETWEEN 50 AND 250 AND feature_3 BETWEEN 5 AND 25"
    return [
        (
            "page of 100 with a filter, and how many pass",
            lambda: query.page(where, after=middle),
            lambda: (
                sql(f"SELECT * FROM cells WHERE {where} AND event_id > {middle} ORDER BY event_id LIMIT 100"),
                sql(f"SELECT count(*) FROM cells WHERE {where}"),
            ),
        ),
        (
            "page of 100 sorted by a column",
            lambda: query.page(order="-feature_7"),
            lambda: sql("SELECT * FROM cells ORDER BY feature_7 DESC, event_id LIMIT 100"),
        ),
        (
            "the same from the middle of it",
            lambda: query.page(order="-feature_7", after=median),
            lambda: sql(f"SELECT * FROM cells WHERE feature_7 < {value} ORDER BY feature_7 DESC, event_id LIMIT 100"),
        ),
        (
            "page of 100 sorted by class",
            lambda: query.page(order="-class"),
            lambda: sql("SELECT * FROM cells ORDER BY class DESC, event_id LIMIT 100"),
        ),
        (
            "page of 100 with a filter and sorted by a column",
            lambda: query.page(where, order="-feature_7"),
            lambda: sql(f"SELECT * FROM cells WHERE {where} ORDER BY feature_7 DESC, event_id LIMIT 100"),
        ),
        ("one cell", lambda: query.row(middle), lambda: sql(f"SELECT * FROM cells WHERE event_id = {middle}")),
        (
            "density of 128 x 128",
            lambda: many.density(x, y),
            lambda: sql(
                "SELECT floor(area_um2 / 10)::INT x, floor(feature_3)::INT y, count(*) FROM cells GROUP BY ALL"
            ),
        ),
        (
            "cells in a polygon (beside it, in a box)",
            lambda: many.in_gates(["gate"]),
            lambda: sql(f"SELECT count(*) FROM cells WHERE {box}"),
        ),
        ("histogram of 100 bins", lambda: many.histogram(Binning("feature_9")), None),
        ("counts of classes over time", lambda: many.over_time("class", 60.0), None),
        (
            "what an FCS file begins with",
            lambda: (RowStream.of(query).texts("class"), RowStream.of(query).largest(NUMBERS)),
            None,
        ),
        ("first rows of a full export", lambda: next(RowStream.of(query).tables()), None),
    ]


def middle_of(query: CellQuery, column: str) -> tuple[int, float]:
    """Return the event id of the cell whose value is in the middle of all, and the value."""
    held = query.arrow(["event_id", column])
    values = held.column(column).to_numpy()
    row = int(np.argpartition(values, len(values) // 2)[len(values) // 2])
    return int(held.column("event_id")[row].as_py()), float(values[row])


def answered(cells: int = CELLS) -> str:
    """Return the table of what questions to so many cells take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept, rate, plain_rate = stored(folder, cells)
        gates = GateBook(folder)
        query = CellQuery(kept, gates, Labels(folder))
        outline = [[60, 5], [200, 5], [250, 15], [120, 25], [50, 15]]
        region = {"kind": "polygon", "x": {"column": "area_um2"}, "y": {"column": "feature_3"}, "vertices": outline}
        gates.put([Gate.model_validate({"name": "gate", "region": region})], query.columns())
        lines: list[tuple[object, ...]] = []
        for what, ask, other in questions(query, plain(folder / "plain"), cells // 2):
            first, best = quickest(ask)
            lines.append((what, f"{best:.0f}", f"{first:.0f}", f"{quickest(other)[1]:.0f}" if other else ""))
        lines.append(("rows/s stored, kept and sealed", f"{rate:.0f}", "", f"{plain_rate:.0f}"))
        head = (
            f"{cells} drawn rows x {len(query.columns())} columns",
            "ms",
            "the first time",
            "plain DuckDB and parts",
        )
        return table(head, lines)


if __name__ == "__main__":
    print(answered(int(sys.argv[1]) if len(sys.argv) > 1 else CELLS))
