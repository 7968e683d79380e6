"""A gate holds the cells that a slow, obvious look at every cell would put in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import QueryError, StaleGate, UnknownGate
from service.gates.book import GateBook
from service.gates.gate import Gate
from service.store.questions.cell_query import CellQuery
from service.store.tables.part_table import PartTable

N = 400


def _values() -> dict[str, npt.NDArray[np.float32]]:
    draw = np.random.default_rng(5)
    a = draw.normal(10, 4, N).astype(np.float32)
    b = draw.lognormal(3, 1, N).astype(np.float32)
    a[::17], b[::23] = np.nan, -1.0
    return {"a": a, "b": b}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> GateBook:
    return GateBook(tmp_path_factory.mktemp("gates"))


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory, book: GateBook) -> CellQuery:
    table = PartTable.create(tmp_path_factory.mktemp("run") / "cells")
    columns = {name: pa.array(v, mask=np.isnan(v)) for name, v in _values().items()}
    kinds = pa.array(["monocyte" if i % 3 else "neutrophil" for i in range(N)])
    rows = pa.table({"event_id": pa.array(np.arange(1, N + 1, dtype=np.uint64)), **columns, "class": kinds})
    table.append(rows.slice(0, 250))
    table.seal()
    table.append(rows.slice(250))
    return CellQuery(table, book)


def ids(query: CellQuery, where: str) -> set[int]:
    page = query.page(where, limit=1000, fields=["event_id"])
    assert page.total == len(page.rows)
    return {int(row["event_id"]) for row in page.rows}


def put(book: GateBook, query: CellQuery, **gate: object) -> None:
    book.put([Gate.model_validate(gate)], query.columns())


def _obvious(inside: npt.NDArray[np.bool_]) -> set[int]:
    return set((np.flatnonzero(inside) + 1).tolist())


def test_a_rectangle_holds_its_lower_bound_and_not_its_upper(book: GateBook, query: CellQuery) -> None:
    v = _values()
    # Bounds on the values of cells, as floats that double precision has exactly.
    low, high = sorted((float(v["a"][1]), float(v["a"][2])))
    put(book, query, name="strip", region={"kind": "rectangle", "sides": [{"column": "a", "low": low, "high": high}]})
    assert ids(query, "gate = 'strip'") == _obvious((v["a"] >= low) & (v["a"] < high))
    assert ids(query, "gate != 'strip'") == _obvious(~((v["a"] >= low) & (v["a"] < high)))


@settings(deadline=None, max_examples=40)
@given(
    corners=st.lists(
        st.tuples(st.floats(-5, 25, width=32), st.floats(-2, 200, width=32)), min_size=3, max_size=12, unique=True
    )
)
def test_any_polygon_is_even_odd(book: GateBook, query: CellQuery, corners: list[tuple[float, float]]) -> None:
    region = {"kind": "polygon", "x": {"column": "a"}, "y": {"column": "b"}, "vertices": corners}
    put(book, query, name="outline", region=region)
    v = _values()
    x, y, inside = v["a"].astype(float), v["b"].astype(float), np.zeros(N, bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (x1 - x0) / (y1 - y0) * (y - y0))
    assert ids(query, "gate = 'outline'") == _obvious(inside)


def test_an_ellipse_on_a_logarithmic_axis(book: GateBook, query: CellQuery) -> None:
    region = {
        "kind": "ellipse",
        "over": [{"column": "a"}, {"column": "b", "scale": {"kind": "log"}}],
        "centre": [10.0, 1.3],
        "covariance": [[16.0, 0.4], [0.4, 0.2]],
        "distance_squared": 1.5,
    }
    put(book, query, name="middle", region=region)
    v = {name: values.astype(float) for name, values in _values().items()}
    with np.errstate(invalid="ignore"):
        d = np.stack([v["a"] - 10.0, np.log10(v["b"]) - 1.3])
    distance = np.einsum("in,ij,jn->n", d, np.linalg.inv([[16.0, 0.4], [0.4, 0.2]]), d)
    expected = _obvious(distance <= 1.5)
    assert 20 < len(expected) < 380
    assert ids(query, "gate = 'middle'") == expected


def test_asinh_axes_are_those_of_gating_ml(book: GateBook, query: CellQuery) -> None:
    scale = {"kind": "asinh", "top": 1000.0, "decades": 4.0, "negative_decades": 1.0}
    side = {"column": "b", "scale": scale, "low": 0.5}
    put(book, query, name="bright", region={"kind": "rectangle", "sides": [side]})
    b = _values()["b"].astype(float)
    place = (np.arcsinh(b * np.sinh(4 * np.log(10)) / 1000) + np.log(10)) / (5 * np.log(10))
    assert 0 < len(ids(query, "gate = 'bright'")) < N
    assert ids(query, "gate = 'bright'") == _obvious(place >= 0.5)


def test_gates_lie_in_gates_and_are_combined(book: GateBook, query: CellQuery) -> None:
    v = _values()
    put(book, query, name="large", region={"kind": "rectangle", "sides": [{"column": "a", "low": 9.0}]})
    put(
        book,
        query,
        name="large monocytes",
        parent="large",
        region={"kind": "filter", "where": "class = 'monocyte' and b > 5"},
    )
    either = [{"gate": "large monocytes"}, {"gate": "large", "complement": True}]
    put(book, query, name="either", region={"kind": "or", "of": either})
    put(book, query, name="neither", region={"kind": "not", "of": [{"gate": "either"}]})
    large = v["a"] >= 9.0
    monocytes = large & (np.arange(N) % 3 != 0) & (v["b"] > 5)
    assert ids(query, "gate = 'large monocytes'") == _obvious(monocytes)
    assert ids(query, "gate = 'either'") == _obvious(monocytes | ~large)
    assert ids(query, "gate = 'neither'") == _obvious(~(monocytes | ~large))
    assert ids(query, "gate = 'either' and class = 'neutrophil'") == _obvious(~large & (np.arange(N) % 3 == 0))


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ({"name": "g", "region": {"kind": "rectangle", "sides": [{"column": "nope"}]}}, "no column 'nope'"),
        ({"name": "g", "region": {"kind": "rectangle", "sides": [{"column": "class"}]}}, "holds text"),
        ({"name": "g", "parent": "absent", "region": {"kind": "filter", "where": "a > 1"}}, "no gate 'absent'"),
        ({"name": "g", "parent": "g", "region": {"kind": "filter", "where": "a > 1"}}, "lie in itself"),
        ({"name": "g", "region": {"kind": "filter", "where": "gate = 'g'"}}, "lie in itself"),
        ({"name": "g", "region": {"kind": "filter", "where": "a > 'b'"}}, "cannot be compared"),
    ],
)
def test_gates_that_make_no_sense_are_refused(
    book: GateBook, query: CellQuery, gate: dict[str, object], says: str
) -> None:
    before = book.newest()
    with pytest.raises(QueryError, match=says):
        put(book, query, **gate)
    assert book.newest() == before


def test_every_version_is_kept_and_two_people_do_not_overwrite_each_other(tmp_path: Path) -> None:
    book = GateBook(tmp_path)
    first, second = (
        Gate.model_validate({"name": "g", "region": {"kind": "filter", "where": f"a > {n}"}}) for n in (1, 2)
    )
    inner = Gate.model_validate({"name": "in g", "parent": "g", "region": {"kind": "filter", "where": "a < 9"}})
    assert book.put([first], None, expected=0) == 1
    assert book.put([second, inner], None, expected=1) == 2
    with pytest.raises(StaleGate, match="version 2, not 1"):
        book.put([first], None, expected=1)
    with pytest.raises(QueryError, match="'in g' needs 'g'"):
        book.remove("g")
    book.remove("in g")
    book.remove("g", expected=2)
    with pytest.raises(UnknownGate):
        book.remove("g")
    again = GateBook.open(tmp_path)
    assert again.newest() == {}
    assert [version.gate for version in again.history("g")] == [first, second, None]
    assert again.put([first], None) == 4


def test_gates_of_gates_of_gates_stay_bounded(tmp_path: Path) -> None:
    book = GateBook(tmp_path)
    book.put([Gate.model_validate({"name": "g0", "region": {"kind": "filter", "where": "a > 1"}})], None)
    with pytest.raises(QueryError, match="too many others"):
        for level in range(1, 40):
            of = [{"gate": f"g{level - 1}"}] * 2
            gate = Gate.model_validate({"name": f"g{level}", "region": {"kind": "and", "of": of}})
            book.put([gate], None)
