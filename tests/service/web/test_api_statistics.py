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


def test_many_runs_are_asked_at_once_and_each_says_what_its_cells_are(world: World) -> None:
    classes = [row["class"] for row in world.client.get(world.cells, params={"limit": 1000}).json()["rows"]]
    areas = column(world, "area_um2")
    asked = {"column": "area_um2", "instrument": world.run.instrument.name}
    answer = world.client.get("/api/v1/kinds", params=asked).json()
    (mine,) = [one for one in answer["runs"] if one["run"] == world.run.id]
    assert answer["total"] == len(answer["runs"]) and mine["origin"] == "simulated" and mine["problem"] is None
    assert {one["kind"]: one["cells"] for one in mine["kinds"]} == {name: classes.count(name) for name in set(classes)}
    for one in mine["kinds"]:
        of_kind = areas[np.array(classes) == one["kind"]]
        assert one["mean"] == pytest.approx(np.nanmean(of_kind))
        assert one["deviation"] == (pytest.approx(np.nanstd(of_kind, ddof=1)) if len(of_kind) > 1 else None)

    large = world.client.get(
        "/api/v1/kinds", params={"by": "cluster", "where": f"area_um2 > {np.median(areas)}"}
    ).json()
    (mine,) = [one for one in large["runs"] if one["run"] == world.run.id]
    assert sum(one["cells"] for one in mine["kinds"]) == int((areas > np.median(areas)).sum())
    assert all(one["mean"] is None for one in mine["kinds"])


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"by": "colour"}, "There is no column 'colour'"),
        ({"column": "class"}, "There is no column 'class' of numbers"),
        ({"results": "nobody-made-it"}, "no results 'nobody-made-it'"),
    ],
)
def test_a_run_that_cannot_answer_says_why_and_the_others_answer(
    world: World, asked: dict[str, str], problem: str
) -> None:
    runs = world.client.get("/api/v1/kinds", params=asked).json()["runs"]
    assert runs and all(problem in one["problem"] and not one["kinds"] for one in runs)


def test_a_column_of_many_values_has_no_kinds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store.questions.statistics.MOST_GROUPS", 1)
    runs = world.client.get("/api/v1/kinds", params={"by": "event_id"}).json()["runs"]
    assert runs and all("count by class or cluster" in one["problem"] and not one["kinds"] for one in runs)


def test_runs_of_another_instrument_are_not_asked(world: World) -> None:
    assert world.client.get("/api/v1/kinds", params={"instrument": "elsewhere"}).json()["runs"] == []
    assert world.client.get("/api/v1/kinds", params={"origin": "measured"}).json()["total"] == 0
