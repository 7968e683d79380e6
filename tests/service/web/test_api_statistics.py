"""Plots of a run are drawn from counts, and the counts are of the cells that the tables have."""

from __future__ import annotations

import io

import numpy as np
import pytest
from served import World


def base(world: World) -> str:
    return f"/api/v1/runs/{world.run.id}"


def column(world: World, name: str, where: str | None = None) -> np.ndarray:
    asked = {"fields": name, "limit": 1000} | ({} if where is None else {"where": where})
    rows = world.client.get(world.cells, params=asked).json()["rows"]
    return np.array([np.nan if row[name] is None else row[name] for row in rows])


def test_a_histogram_is_that_of_the_cells(world: World) -> None:
    area = column(world, "area_um2")
    answer = world.client.get(f"{base(world)}/histogram", params={"column": "area_um2", "bins": 7}).json()
    counts, edges = np.histogram(area, 7)
    assert answer["counts"] == counts.tolist()
    assert np.allclose(answer["edges"], edges)
    assert (answer["outside"], answer["unmeasured"]) == (0, 0)

    middle = float(np.median(area))
    asked = {"column": "area_um2", "bins": 4, "low": 1.0, "high": middle, "scale": "log", "where": "novelty >= 0"}
    answer = world.client.get(f"{base(world)}/histogram", params=asked).json()
    assert answer["counts"] == np.histogram(np.log10(area[area <= middle]), 4, (0, np.log10(middle)))[0].tolist()
    assert answer["outside"] == int((area > middle).sum())


def test_cells_without_a_value_are_counted_as_such(world: World) -> None:
    error = column(world, "speed_error_m_s")
    answer = world.client.get(f"{base(world)}/histogram", params={"column": "speed_error_m_s"}).json()
    assert answer["unmeasured"] == int(np.isnan(error).sum())
    assert sum(answer["counts"]) + answer["unmeasured"] == len(error)


def test_a_density_is_that_of_the_cells_as_json_and_numpy(world: World) -> None:
    x, y = column(world, "area_um2"), column(world, "novelty")
    asked = {"x": "area_um2", "y": "novelty", "bins": 9}
    expected = np.histogram2d(y, x, 9)[0]
    assert np.array_equal(world.client.get(f"{base(world)}/density", params=asked).json()["counts"], expected)
    stored = world.client.get(f"{base(world)}/density.npy", params=asked).content
    assert np.array_equal(np.load(io.BytesIO(stored), allow_pickle=False), expected)


def test_a_density_of_a_column_with_itself_is_its_histogram(world: World) -> None:
    asked = {"x": "area_um2", "y": "area_um2", "bins": 6, "where": "novelty >= 0"}
    counts = np.array(world.client.get(f"{base(world)}/density", params=asked).json()["counts"])
    assert np.array_equal(np.diag(counts), np.histogram(column(world, "area_um2"), 6)[0])
    assert counts.sum() == np.diag(counts).sum()


def test_cells_of_each_cluster_over_time(world: World) -> None:
    seconds, cluster = column(world, "time_s"), column(world, "cluster")
    steps = world.client.get(f"{base(world)}/timeline", params={"by": "cluster", "seconds": 0.5}).json()["steps"]
    assert sum(step["cells"] for step in steps) == len(seconds)
    for step in steps:
        inside = (seconds >= step["start_s"]) & (seconds < step["start_s"] + 0.5) & (cluster == int(step["group"]))
        assert step["cells"] == int(inside.sum())


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("histogram", {"column": "nope"}),
        ("histogram", {"column": "class"}),
        ("histogram", {"column": "area_um2", "bins": 5000}),
        ("histogram", {"column": "area_um2", "low": 3, "high": 3}),
        ("histogram", {"column": "area_um2", "low": 0, "scale": "log"}),
        ("histogram", {"column": "area_um2", "where": "area_um2 > "}),
        ("density", {"x": "area_um2", "y": "area_um2; DROP"}),
        ("timeline", {"by": "event_id"} | {"seconds": 1e-9}),
        ("timeline", {"by": "nope"}),
    ],
)
def test_questions_that_make_no_sense_are_refused(world: World, path: str, asked: dict[str, object]) -> None:
    answer = world.client.get(f"{base(world)}/{path}", params=asked)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
