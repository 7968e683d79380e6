"""True cells find their own trigger and no other; equal ways of making results have equal names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_parts import INSTRUMENT

from acquisition.presets import instrument_preset
from service.errors import UnknownRun
from service.identity import checked_run_id, new_run_id, pipeline_id, pipeline_text
from service.runs.truth import Triggers, match_truth, seen_part, summarize


def cells(ticks: list[float], epochs: list[int] | None = None) -> dict[str, np.ndarray]:
    rows = np.arange(len(ticks))
    epoch = np.array(epochs if epochs is not None else [0] * len(ticks))
    return {
        "cell": rows,
        "kind": np.array([b"mono"] * len(ticks), "S8"),
        "epoch": epoch,
        "tick": np.array(ticks, float),
    }


def triggers(*rows: tuple[float, float, str], epoch: int = 0) -> Triggers:
    ticks, durations, outcomes = zip(*rows, strict=True) if rows else ((), (), ())
    return Triggers(
        event_id=np.arange(1, len(rows) + 1, dtype=np.uint64),
        epoch=np.full(len(rows), epoch, np.int32),
        tick=np.array(ticks, float),
        duration_ticks=np.array(durations, float),
        outcome=tuple(outcomes),
    )


def test_each_cell_has_the_outcome_of_the_trigger_that_it_lies_in() -> None:
    matched = match_truth(
        cells([100, 104, 200, 300, 330, 400, 1000]),
        triggers((101, 20, "stored"), (205, 20, "rejected:overlap"), (310, 60, "rejected:long"), (400, 10, "dropped")),
        tolerance_ticks=5,
    )
    assert [outcome.decode() for outcome in matched["outcome"]] == [
        "stored",
        "merged",
        "rejected:overlap",
        "rejected:long",
        "merged",
        "dropped",
        "missed",
    ]
    assert matched["event_id"].tolist() == [1, 1, 2, 3, 3, 4, 0]
    assert summarize(matched) == {
        "cells": 7,
        "stored": 1,
        "rejected": {"long": 1, "overlap": 1},
        "dropped": 1,
        "merged": 2,
        "missed": 1,
        "particles": 0,
        "particles_stored": 0,
    }


def test_debris_is_no_missed_cell_and_takes_no_cell_s_event() -> None:
    truth = {**cells([100, 103, 200, 500]), "is_cell": np.array([False, True, False, False])}
    matched = match_truth(truth, triggers((100, 20, "stored"), (200, 4, "stored")), tolerance_ticks=5)
    assert [outcome.decode() for outcome in matched["outcome"]] == ["merged", "stored", "stored", "missed"]
    summary = summarize(matched)
    assert (summary["cells"], summary["stored"], summary["missed"]) == (1, 1, 0)
    assert (summary["particles"], summary["particles_stored"]) == (3, 1)


def test_a_long_trigger_keeps_its_cells_although_a_short_one_is_nearer_by_its_middle() -> None:
    matched = match_truth(
        cells([390, 410]), triggers((200, 398, "rejected:long"), (411, 4, "stored")), tolerance_ticks=1
    )
    assert matched["event_id"].tolist() == [1, 2]


def test_epochs_are_never_mixed_up() -> None:
    matched = match_truth(cells([100, 100], [0, 1]), triggers((100, 10, "stored"), epoch=1), tolerance_ticks=5)
    assert matched["event_id"].tolist() == [0, 1]


def test_cells_behind_the_last_sample_are_no_part_of_the_run() -> None:
    seen = seen_part(cells([10, 90, 10, 90], [0, 0, 1, 1]), (1, 50))
    assert seen["cell"].tolist() == [0, 1, 2]
    assert summarize(match_truth(seen_part(cells([10]), (0, 0)), triggers(), 5))["cells"] == 0


@given(st.lists(st.floats(0, 1e4)), st.lists(st.tuples(st.floats(0, 1e4), st.floats(1, 50)), max_size=30))
def test_the_parts_always_sum_to_the_cells(ticks: list[float], found: list[tuple[float, float]]) -> None:
    matched = match_truth(cells(ticks), triggers(*((tick, width, "stored") for tick, width in found)), 5.0)
    summary = summarize(matched)
    parts = summary["stored"] + sum(summary["rejected"].values())
    assert summary["cells"] == len(ticks) == parts + summary["dropped"] + summary["merged"] + summary["missed"]
    taken = matched["event_id"][matched["outcome"] == b"stored"].tolist()
    assert len(taken) == len(set(taken))
    away = np.abs(np.array([0.0, *(tick for tick, _ in found)])[matched["event_id"].astype(int)] - matched["tick"])
    for event in taken:
        mine = matched["event_id"] == event
        assert away[mine].min() == away[mine & (matched["outcome"] == b"stored")]


def test_the_pipeline_id_changes_with_every_part_and_with_the_instrument() -> None:
    base = ("detect:1", "image:1", "sheet", "d" * 64)
    texts = [pipeline_text(*base), *(pipeline_text(*(*base[:k], base[k] + "x", *base[k + 1 :])) for k in range(3))]
    ids = [pipeline_id(text, INSTRUMENT) for text in texts]
    assert len({*ids, pipeline_id(texts[0], instrument_preset("stretch-ci"))}) == 5
    assert ids[0] == pipeline_id(texts[0], INSTRUMENT) and len(ids[0]) == 16


def test_run_ids_are_file_names_that_sort_by_time() -> None:
    ids = [new_run_id() for _ in range(50)]
    assert len(set(ids)) == 50 and all(checked_run_id(run_id) == run_id for run_id in ids)
    assert [run_id[:19] for run_id in ids] == sorted(run_id[:19] for run_id in ids)
    for bad in ("../" + ids[0], ids[0] + "/..", ids[0] + "\n", ids[0][:-1] + "F", "٢" * 8 + ids[0][8:]):
        with pytest.raises(UnknownRun):
            checked_run_id(bad)
