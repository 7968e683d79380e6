"""A gate that is asked of rows from the line holds exactly the cells that the database would count in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from service.errors import QueryError
from service.gates.conditions import GateConditions
from service.gates.gate import Gate
from service.gates.live_gate import LiveGate
from service.store.questions.cell_query import column_kinds
from service.store.questions.snapshot_sql import open_database

FLOATS = ("a", "b", "c")


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database() as opened:
        yield opened


def random_rows(draw: np.random.Generator, n: int = 200) -> Any:
    """Rows as they are stored: what was not measured is null; numbers may be infinite, or stand on a bound."""
    columns: dict[str, Any] = {"event_id": pa.array(np.arange(1, n + 1, dtype=np.uint64))}
    for name in FLOATS:
        values = draw.normal(5, 6, n).astype(np.float32)
        values[draw.random(n) < 0.3] = draw.integers(-3, 12)
        values[draw.random(n) < 0.03] = draw.choice([np.inf, -np.inf, 0.0, 1e-40, 3e38])
        columns[name] = pa.array(values, mask=draw.random(n) < 0.1)
    columns["time_s"] = pa.array(draw.uniform(0, 10, n))
    columns["cluster"] = pa.array(draw.integers(0, 4, n).astype(np.int32))
    columns["flags"] = pa.array(draw.integers(0, 9, n).astype(np.uint32))
    columns["class"] = pa.array(draw.choice(["monocyte", "neutrophil", "", "Ärger"], n))
    columns["novel"] = pa.array(draw.random(n) < 0.5)
    columns["unknown"] = pa.nulls(n, pa.float32())
    return pa.table(columns)


def scale(draw: np.random.Generator) -> dict[str, Any]:
    return {
        0: {"kind": "linear"},
        1: {"kind": "log", "top": float(draw.choice([10.0, 262144.0])), "decades": float(draw.choice([1.0, 4.5]))},
        2: {"kind": "asinh", "top": 1000.0, "decades": 4.0, "negative_decades": float(draw.integers(0, 2))},
    }[int(draw.integers(0, 3))]


def axis(draw: np.random.Generator) -> dict[str, Any]:
    return {"column": str(draw.choice([*FLOATS, "time_s", "cluster", "flags", "unknown"])), "scale": scale(draw)}


def comparison(draw: np.random.Generator, others: list[str]) -> str:
    symbol = str(draw.choice(["=", "!=", "<", "<=", ">", ">="]))
    choices = [
        f"{draw.choice(FLOATS)} {symbol} {draw.normal(5, 5):.3f}",
        f"{draw.choice(FLOATS)} {symbol} {draw.integers(-5, 16)}",
        f"cluster {symbol} {draw.integers(0, 4)}",
        f"flags {symbol} {draw.uniform(0, 9):.2f}",
        f"event_id {symbol} {draw.integers(-2, 220)}",
        f"class {symbol} '{draw.choice(['monocyte', 'a', 'Z', 'Ärger'])}'",
        f"novel {symbol} true",
        *(f"gate {draw.choice(['=', '!='])} '{other}'" for other in others[-2:]),
    ]
    return str(draw.choice(choices))


def region(draw: np.random.Generator, others: list[str]) -> dict[str, Any]:
    bounds = np.sort(draw.choice(np.r_[draw.normal(1, 3, 4), np.arange(-3.0, 12.0)], 2, replace=False)).tolist()
    kind = str(draw.choice(["rectangle", "polygon", "ellipse", "filter", "combination"][: 4 + bool(others)]))
    match kind:
        case "rectangle":
            sides: list[dict[str, Any]] = [axis(draw) for _ in range(draw.integers(1, 4))]
            sides[0] |= {"low": bounds[0]} if draw.random() < 0.5 else {"high": bounds[1]}
            return {"kind": kind, "sides": sides}
        case "polygon":
            corners = np.round(draw.normal(2, 5, (draw.integers(3, 12), 2)), int(draw.integers(0, 3))).tolist()
            return {"kind": kind, "x": axis(draw), "y": axis(draw), "vertices": corners}
        case "ellipse":
            n = int(draw.integers(2, 4))
            root = draw.normal(size=(n, n)) + 3 * np.eye(n)
            about = {"centre": draw.normal(3, 2, n).tolist(), "covariance": (root @ root.T).tolist()}
            return {"kind": kind, "over": [axis(draw) for _ in range(n)], "distance_squared": 2.0, **about}
        case "filter":
            first, second, third = (comparison(draw, others) for _ in range(3))
            return {"kind": kind, "where": f"{first} or ({second} and {third})"}
    of = [{"gate": str(draw.choice(others)), "complement": bool(draw.random() < 0.4)} for _ in range(2)]
    word = str(draw.choice(["and", "or", "not"]))
    return {"kind": word, "of": of[:1] if word == "not" else of}


@pytest.mark.parametrize("seed", range(24))
def test_the_line_and_the_database_put_the_same_cells_in_every_gate(
    seed: int, database: duckdb.DuckDBPyConnection
) -> None:
    draw = np.random.default_rng(seed)
    rows = random_rows(draw)
    gates: dict[str, Gate] = {}
    for k in range(6):
        parent = str(draw.choice(list(gates))) if gates and draw.random() < 0.4 else None
        described = {"name": f"g{k}", "parent": parent, "region": region(draw, list(gates))}
        gates[f"g{k}"] = Gate.model_validate(described)
    columns = column_kinds(rows.schema)
    conditions = GateConditions(gates, columns)
    database.register("cells", rows)
    for name in gates:
        condition = conditions(name)
        found = database.sql(f"SELECT {condition.sql} AS inside FROM cells", params=list(condition.parameters))
        expected = found.to_arrow_table().column("inside").to_numpy()
        gate = LiveGate(name, gates, columns)
        assert (gate.inside(rows) == expected).all(), gates[name]
        pieces = [gate.inside(rows.slice(start, 32)) for start in range(0, rows.num_rows, 32)]
        assert (np.concatenate(pieces) == expected).all(), "the answer depends on the batch"


def test_nobody_has_labelled_what_is_still_on_the_line() -> None:
    rows = random_rows(np.random.default_rng(1))
    gates = {"told": Gate.model_validate({"name": "told", "region": {"kind": "filter", "where": "label = 'x'"}})}
    columns = column_kinds(rows.schema.append(pa.field("label", pa.string())))
    assert not LiveGate("told", gates, columns).inside(rows).any()


def test_a_gate_that_cannot_be_asked_is_one_sentence() -> None:
    columns = column_kinds(random_rows(np.random.default_rng(1)).schema)
    lost = Gate.model_validate({"name": "g", "region": {"kind": "rectangle", "sides": [{"column": "area", "low": 1}]}})
    with pytest.raises(QueryError, match="no column 'area'"):
        LiveGate("g", {"g": lost}, columns)
    with pytest.raises(QueryError, match="no gate 'h'"):
        LiveGate("h", {"g": lost}, columns)


def test_a_batch_takes_little_time() -> None:
    draw = np.random.default_rng(3)
    rows = random_rows(draw, 32)
    corners = np.stack([np.cos(np.arange(40) / 7), np.sin(np.arange(40) / 7)], axis=1).tolist()
    x, y = {"column": "a", "scale": {"kind": "log"}}, {"column": "b"}
    outline = {"kind": "polygon", "x": x, "y": y, "vertices": corners}
    gate = LiveGate("g", {"g": Gate.model_validate({"name": "g", "region": outline})}, column_kinds(rows.schema))
    took = []
    for _ in range(200):
        began = time.perf_counter()
        gate.inside(rows)
        took.append(time.perf_counter() - began)
    # The best of many: a busy computer must not fail this. It is some 0.1 ms.
    assert min(took) < 2e-3
