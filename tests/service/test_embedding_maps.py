"""Axes of the embedding are columns: fixed once, the same in every question, gate and count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.gates.book import GateBook
from service.gates.gate import Gate
from service.maps.linear_map import FIRST_CELLS
from service.maps.shelf import PCA_JSON, Maps
from service.store.labels import Labels
from service.store.questions import row_reading
from service.store.questions.binning import Binning
from service.store.questions.cell_query import CellQuery
from service.store.questions.row_stream import RowStream
from service.store.questions.statistics import Statistics
from service.store.tables.part_table import PartTable

N, AXES = 3000, 6
TRIANGLE = [[-14.0, -4.0], [12.0, -4.0], [0.0, 5.0]]


def rows(first: int, last: int) -> pa.Table:
    """Cells of two kinds, in an embedding whose axes have nothing to do with them."""
    draw = np.random.default_rng(11)
    latent = draw.normal(0, [3, 1.5, 0.5, 0.2, 0.1, 0.1], (N, AXES)) + np.where(draw.random((N, 1)) < 0.5, 4.0, 0.0)
    turned = latent @ np.linalg.qr(draw.normal(size=(AXES, AXES)))[0]
    columns = {f"embedding_{k}": pa.array(turned[:, k].astype(np.float32)) for k in range(AXES)}
    ids = pa.array(np.arange(1, N + 1, dtype=np.uint64))
    return pa.table({"event_id": ids, "area_um2": ids.cast(pa.float32()), **columns}).slice(first, last - first)


def query_of(folder: Path, table: PartTable, *, complete: bool = False) -> CellQuery:
    return CellQuery(table, GateBook(folder), Labels(folder), Maps(folder, table, lambda: complete))


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> CellQuery:
    folder = tmp_path_factory.mktemp("run")
    table = PartTable.create(folder / "cells")
    for first, last in ((0, 1500), (1500, 2600)):
        table.append(rows(first, last))
        table.seal()
    table.append(rows(2600, N))
    return query_of(folder, table)


def numbers(query: CellQuery, *names: str) -> np.ndarray:
    table = query.arrow(["event_id", *names])
    return np.stack([table.column(name).to_numpy() for name in names], axis=1)


def test_components_are_those_of_the_first_cells(query: CellQuery) -> None:
    (found,) = query.maps.all()
    embedding = numbers(query, *found.of).astype(np.float64)
    first = embedding[:FIRST_CELLS]
    variances, vectors = np.linalg.eigh(np.cov(first, rowvar=False))
    for axis, vector in zip(found.axes, vectors.T[::-1], strict=False):
        assert abs(np.dot(axis, vector)) > 1 - 1e-9
        assert max(axis, key=abs) > 0
    np.testing.assert_allclose(found.variance_share, variances[::-1][:4] / variances.sum(), rtol=1e-9)
    obvious = (embedding - first.mean(axis=0)) @ np.transpose(found.axes)
    np.testing.assert_allclose(numbers(query, *found.columns), obvious, atol=1e-5)


def test_a_gate_on_them_holds_what_histograms_pages_and_exports_say(query: CellQuery) -> None:
    axes = {"x": {"column": "pc1"}, "y": {"column": "pc2"}}
    gate = Gate.model_validate({"name": "heap", "region": {"kind": "polygon", **axes, "vertices": TRIANGLE}})
    query.gates.put([gate], query.columns())
    places = numbers(query, "pc1", "pc2").astype(np.float64)
    (x0, y0), (x1, _), (x2, y2) = TRIANGLE
    x, y = places.T
    inside = (y >= y0) & (y < y2) & (x >= x0 + (x2 - x0) * (y - y0) / (y2 - y0))
    inside &= x < x1 + (x2 - x1) * (y - y0) / (y2 - y0)
    counts = Statistics(query)
    assert 100 < inside.sum() < N - 100
    assert counts.in_gates(["heap"]) == {"heap": inside.sum()}
    assert query.page("gate = 'heap'", limit=1).total == inside.sum()
    exported = pa.concat_tables(table for _, table in RowStream.of(query, "gate = 'heap'").tables())
    np.testing.assert_array_equal(exported.column("event_id").to_numpy(), np.flatnonzero(inside) + 1)
    np.testing.assert_array_equal(exported.column("pc1").to_numpy(), places[inside, 0].astype(np.float32))


def test_what_is_read_at_once_is_what_the_database_makes(query: CellQuery) -> None:
    counts, x, y = Statistics(query), Binning("pc1", 20), Binning("pc2", 20)
    whole, filtered = counts.density(x, y), counts.density(x, y, "area_um2 > 0")
    assert whole.x_edges == filtered.x_edges
    np.testing.assert_array_equal(whole.counts, filtered.counts)
    assert whole.counts.sum() == N
    assert RowStream.of(query, "area_um2 < 0").largest(["pc1"]) == {"pc1": float(numbers(query, "pc1").max())}


@pytest.mark.parametrize("events", [[], [2, 1501, 2999]])
@pytest.mark.parametrize("order", [None, "-event_id", "-pc2", "area_um2"])
def test_rows_of_a_page_are_the_same_whether_sql_reads_them_or_not(
    query: CellQuery, monkeypatch: pytest.MonkeyPatch, order: str | None, events: list[int]
) -> None:
    assert query.labels is not None
    query.labels.give(events, "odd", "me")
    names = ["pc2", "label", "area_um2"]
    pages = {}
    for groups in (0, row_reading.MOST_GROUPS):
        monkeypatch.setattr(row_reading, "MOST_GROUPS", groups)
        first = query.page(limit=1600, order=order, fields=names)
        rest = query.page(limit=N, after=first.next or 0, order=order, fields=names)
        pages[groups] = pa.concat_tables([first.table, rest.table])
    assert pages[0].column_names == ["event_id", *names]
    assert pages[0].equals(pages[row_reading.MOST_GROUPS]) and len(set(pages[0]["event_id"].to_pylist())) == N


def test_axes_stay_as_they_are_while_cells_come_and_when_the_run_is_opened_again(tmp_path: Path) -> None:
    table = PartTable.create(tmp_path / "cells")
    live = query_of(tmp_path, table)
    assert live.columns() == {}
    table.append(rows(0, 500))
    assert "pc1" not in live.columns()
    table.append(rows(500, 2400))
    (first,) = live.maps.all()
    state = live.state
    table.append(rows(2400, N))
    table.seal()
    assert live.maps.all() == (first,)
    assert live.state != state
    assert query_of(tmp_path, PartTable.open(tmp_path / "cells")).maps.all() == (first,)
    # Whoever finds them anew, because the file is gone or damaged, finds the same.
    for damage in (lambda path: path.unlink(), lambda path: path.write_text("{")):
        damage(tmp_path / PCA_JSON)
        assert query_of(tmp_path, PartTable.open(tmp_path / "cells")).maps.all() == (first,)


def test_a_run_that_ended_with_few_cells_has_them_of_all_of_its_cells(tmp_path: Path) -> None:
    table = PartTable.create(tmp_path / "cells")
    table.append(rows(0, 40))
    assert query_of(tmp_path, table).maps.all() == ()
    (found,) = query_of(tmp_path, table, complete=True).maps.all()
    assert (found.cells, found.last_event) == (40, 40)
