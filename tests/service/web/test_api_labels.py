"""People say what cells are; it is kept, can be asked for, and the service says which cells to look at next."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from served import World

from service.errors import QueryError
from service.store.labels import LABELS, Labels
from service.store.questions.cell_query import CellQuery
from service.store.questions.similar import Similar, Why
from service.store.tables.part_table import PartTable


def base(world: World) -> str:
    return f"/api/v1/runs/{world.run.id}"


def ids(world: World, where: str | None = None) -> list[int]:
    asked = {"fields": "event_id", "limit": 1000} | ({} if where is None else {"where": where})
    return [row["event_id"] for row in world.client.get(world.cells, params=asked).json()["rows"]]


@pytest.fixture
def clean(world: World) -> Iterator[World]:
    yield world
    world.client.post(f"{base(world)}/labels", json={"label": None, "where": "event_id > 0"})


def test_labels_are_given_counted_asked_for_and_taken_away(clean: World) -> None:
    world, every = clean, ids(clean)
    answer = world.client.post(f"{base(world)}/labels", json={"label": "lymphocyte", "events": every[:3]})
    assert answer.json() == {"counts": {"lymphocyte": 3}}
    world.client.post(f"{base(world)}/labels", json={"label": "it's odd", "where": f"event_id >= {every[2]}"})
    expected = {"it's odd": len(every) - 2, "lymphocyte": 2}
    assert world.client.get(f"{base(world)}/labels").json() == {"counts": expected}
    assert ids(world, "label = 'it''s odd'") == every[2:]
    assert ids(world, "label = 'lymphocyte' and area_um2 > 0") == every[:2]
    row = world.client.get(f"{world.cells}/{every[0]}").json()["row"]
    assert row["label"] == "lymphocyte"
    page = world.client.get(world.cells, params={"fields": "label", "limit": 2}).json()
    assert [row["label"] for row in page["rows"]] == ["lymphocyte", "lymphocyte"]

    world.client.post(f"{base(world)}/labels", json={"label": None, "events": every[1:]})
    assert world.client.get(f"{base(world)}/labels").json() == {"counts": {"lymphocyte": 1}}
    lines = (world.data / "runs" / world.run.id / LABELS).read_text().splitlines()
    assert [json.loads(line)["who"] for line in lines] == ["owner"] * 3
    kept = Labels.open(world.data / "runs" / world.run.id)
    assert kept.all() == {every[0]: "lymphocyte"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"label": "a"}, 422),
        ({"label": "a", "events": [1], "where": "event_id > 0"}, 422),
        ({"label": "", "where": "event_id > 0"}, 422),
        ({"label": "two\nlines", "where": "event_id > 0"}, 422),
        ({"label": "a", "events": [2**61]}, 404),
        ({"label": "a", "where": "nope > 0"}, 422),
        ({"label": "a", "events": [1] * 10_001}, 422),
    ],
)
def test_what_cannot_be_labelled_is_refused_and_changes_nothing(
    world: World, body: dict[str, object], status: int
) -> None:
    assert world.client.post(f"{base(world)}/labels", json=body).status_code == status
    assert world.client.get(f"{base(world)}/labels").json() == {"counts": {}}


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path) -> None:
    labels = Labels(tmp_path)
    labels.give([1, 2], "a", "ada")
    labels.give([2, 3], "b", "ada")
    whole = (tmp_path / LABELS).read_bytes()
    for end in range(len(whole)):
        (tmp_path / LABELS).write_bytes(whole[:end])
        found = Labels.open(tmp_path).all()
        assert found in ({}, {1: "a", 2: "a"}, {1: "a", 2: "b", 3: "b"})
    (tmp_path / LABELS).write_bytes(whole[:-9])
    again = Labels.open(tmp_path)
    again.give([7], "c", "eve")
    assert Labels.open(tmp_path).all() == {1: "a", 2: "a", 7: "c"}


def test_neighbours_are_the_nearest_cells(world: World) -> None:
    every = ids(world)
    rows = [world.client.get(f"{world.cells}/{one}").json()["row"] for one in every]
    axes = sorted(name for name in rows[0] if name.startswith("embedding_"))
    points = np.array([[row[axis] for axis in axes] for row in rows])
    distance = np.linalg.norm(points - points[4], axis=1)
    expected = [every[k] for k in np.argsort(distance, kind="stable") if k != 4][:5]
    found = world.client.get(f"{world.cells}/{every[4]}/neighbours", params={"count": 5}).json()["cells"]
    assert [cell["event_id"] for cell in found] == expected
    assert np.allclose([cell["distance"] for cell in found], np.sort(distance)[1:6], rtol=1e-4)
    assert world.client.get(f"{world.cells}/{2**61}/neighbours").status_code == 404


@pytest.fixture
def table(tmp_path) -> tuple[CellQuery, Labels]:
    """Three clusters of 200 cells; of the third, 20 cells are far out, and two classes meet in the second."""
    draw = np.random.default_rng(0)
    points = np.concatenate([draw.normal(c, 0.3, (200, 2)) for c in (0.0, 5.0, 10.0)])
    points[580:] += draw.normal(0, 3.0, (20, 2))
    cluster = np.repeat([0, 1, 2], 200)
    first = np.where(cluster == 1, draw.uniform(0.4, 0.6, 600), 0.99)
    probabilities = np.stack([first, 1 - first], 1).astype(np.float32)
    offsets = pa.array(np.arange(601, dtype=np.int32) * 2)
    rows = pa.table(
        {
            "event_id": pa.array(np.arange(1, 601, dtype=np.uint64)),
            "cluster": cluster,
            "novel": np.arange(600) == 0,
            "embedding_0": points[:, 0].astype(np.float32),
            "embedding_1": points[:, 1].astype(np.float32),
            "class_probabilities": pa.ListArray.from_arrays(offsets, pa.array(probabilities.ravel())),
        }
    )
    cells = PartTable.create(tmp_path / "cells")
    cells.append(rows)
    labels = Labels(tmp_path)
    return CellQuery(cells, None, labels), labels


def test_at_first_typical_cells_of_every_cluster_are_asked_for(table: tuple[CellQuery, Labels]) -> None:
    query, _ = table
    found = Similar(query).suggestions(9)
    assert [one.cluster for one in found] == [0, 1, 2] * 3
    assert {one.why for one in found} == {Why.TYPICAL}
    assert all(one.event_id <= 580 and one.event_id != 1 for one in found)
    assert Similar(query).suggestions(9) == found


def test_then_cells_in_doubt_that_have_no_label(table: tuple[CellQuery, Labels]) -> None:
    query, labels = table
    labels.give([*range(2, 8), *range(210, 216), *range(410, 416)], "a", "ada")
    found = Similar(query).suggestions(6)
    assert [one.why for one in found] == [Why.DOUBTFUL] * 6
    assert all(201 <= one.event_id <= 400 and labels.of(one.event_id) is None for one in found)
    assert len({one.event_id for one in found}) == 6
    with pytest.raises(QueryError):
        Similar(query).suggestions(0)


def test_the_service_suggests_cells_of_a_run(world: World) -> None:
    found = world.client.get(f"{base(world)}/suggestions", params={"count": 4}).json()["cells"]
    assert len(found) == 4
    assert {cell["event_id"] for cell in found} <= set(ids(world))
