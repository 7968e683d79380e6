"""Cells to learn from are the same whether they come from a source, a recording or a run folder, with their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from served import World
from stored_run import SOURCE

from acquisition.errors import ConfigError
from acquisition.event import Event
from acquisition.origin import Origin
from acquisition.source import open_source
from inference.errors import TrainingError
from service.cli.collect import collect, events_of, match_labels
from service.cli.model_kinds import KINDS, Wanted
from service.cli.stored_cells import true_kinds
from service.runs.control import RUNS
from service.runs.truth import STORED, Triggers

FLAT, FUSED = Wanted(KINDS["dcae2d"]), Wanted(KINDS["dcae_fused"], volume_pool=2)
URL = f"{SOURCE}?cells=10&rate=8&seed=4"


def ignore(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def test_a_simulation_gives_cells_with_the_names_that_were_drawn() -> None:
    cells = collect(URL, 100, FUSED, ignore)
    assert 0 < len(cells) <= 10
    assert set(cells.label_names) <= {"lymphocyte", "monocyte", "neutrophil"} and cells.is_labelled.all()
    assert cells.origin is Origin.SIMULATED and cells.run_names == (URL,)
    assert cells.grid == (("transmission", (80, 80), 1), ("side_scatter", (40, 40, 40), 2))


def test_a_run_folder_gives_the_images_that_it_stored(world: World) -> None:
    cells = collect(str(world.data / RUNS / world.run.id), 5, FUSED, ignore)
    assert len(cells) == 5 and cells.run_names == (world.run.id,)
    assert cells.grid == (("transmission", (80, 80), 1), ("side_scatter", (40, 40, 40), 2))
    assert not cells.is_labelled.any(), "this run folder holds no truth"


def test_what_people_labelled_is_what_is_learnt(world: World) -> None:
    labels = f"/api/v1/runs/{world.run.id}/labels"
    ids = [row["event_id"] for row in world.client.get(world.cells, params={"limit": 100}).json()["rows"]]
    world.client.post(labels, json={"label": "odd", "events": ids[-2:]})
    world.client.post(labels, json={"label": "even", "events": ids[1:2]})
    cells = collect(str(world.data / RUNS / world.run.id), 4, FLAT, ignore)
    assert [("", *cells.label_names)[k + 1] for k in cells.label] == ["", "even", "odd", "odd"]
    world.client.post(labels, json={"label": None, "where": "event_id > 0"})


def test_a_folder_that_is_no_run_and_a_file_that_is_no_set_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There are no images in"):
        collect(str(tmp_path), 5, FLAT, ignore)
    (tmp_path / "x.npz").write_bytes(b"no")
    with pytest.raises(TrainingError, match=r"x\.npz"):
        collect(str(tmp_path / "x.npz"), 5, FLAT, ignore)


def test_a_true_cell_names_the_event_it_lies_in_and_no_other() -> None:
    with open_source(URL) as source:
        events: list[Event] = list(events_of(source))
        truth = source.truth()
        assert truth is not None
        triggers = Triggers(
            event_id=np.array([event.event_id for event in events], dtype=np.uint64),
            epoch=np.array([event.epoch for event in events], dtype=np.int32),
            tick=np.array([event.trigger_tick for event in events]),
            duration_ticks=np.array([event.duration_ticks for event in events]),
            outcome=(STORED,) * len(events),
        )
        labels = match_labels(triggers, truth, source.instrument)
        far = {**truth, "tick": np.asarray(truth["tick"]) + 1e9}
        assert set(match_labels(triggers, far, source.instrument)) == {""}
    nearest = [np.abs(np.asarray(truth["tick"]) - event.trigger_tick).argmin() for event in events]
    assert labels == [bytes(truth["kind"][i]).decode() for i in nearest]


def test_a_run_without_truth_has_no_names(tmp_path: Path) -> None:
    assert true_kinds(tmp_path) == {}
