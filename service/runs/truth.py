"""What became of the true cells: each matched to the trigger that it lies in, and to that event's outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.source import Truth

TOLERANCE_UM = 5.0
"""How far from the ends of a trigger a cell's centre may be."""

STORED, MISSED, MERGED, DROPPED = "stored", "missed", "merged", "dropped"


@dataclass(frozen=True)
class Triggers:
    """Every event of a run: its place on the sample clock, and its outcome.

    Attributes
    ----------
    event_id, epoch, tick, duration_ticks
        `(n,)` each.
    outcome
        `(n,)`, `stored`, `dropped`, or `rejected:REASON` per event.
    """

    event_id: npt.NDArray[np.uint64]
    epoch: npt.NDArray[np.int32]
    tick: npt.NDArray[np.float64]
    duration_ticks: npt.NDArray[np.float64]
    outcome: Sequence[str] | npt.NDArray[np.bytes_]


def match_truth(truth: Truth, triggers: Triggers, tolerance_ticks: float) -> dict[str, npt.NDArray[Any]]:
    """Return the truth with three columns more: `event_id` (0 for none), `outcome` and `true_kind`.

    The cell nearest to the middle of a trigger has the event's outcome, debris only where no cell is in it; others in
    the same trigger are `merged`, and those in no trigger `missed`.
    """
    cells = len(truth["tick"])
    is_cell = _is_cell(truth)
    event_row = np.full(cells, -1, dtype=np.int64)
    for epoch in np.unique(np.asarray(truth["epoch"])):
        rows = np.flatnonzero(np.asarray(truth["epoch"]) == epoch)
        ticks = np.asarray(truth["tick"], dtype=np.float64)[rows]
        event_row[rows] = _trigger_of(ticks, np.flatnonzero(triggers.epoch == epoch), triggers, tolerance_ticks)
    outcome = np.full(cells, MISSED, dtype="S64")
    event_id = np.zeros(cells, dtype=np.uint64)
    inside = np.flatnonzero(event_row >= 0)
    rows = event_row[inside]
    away = np.abs(np.asarray(truth["tick"], dtype=np.float64)[inside] - triggers.tick[rows])
    # Of each trigger its cells come first, and the nearest of them before the others.
    order = np.lexsort((inside, away, ~is_cell[inside], rows))
    first = order[np.diff(rows[order], prepend=-1) > 0]
    event_id[inside] = triggers.event_id[rows]
    outcome[inside] = MERGED
    outcome[inside[first]] = np.asarray(triggers.outcome, dtype="S64")[rows[first]]
    kinds = np.asarray(truth["kind"])
    return {
        **{name: np.asarray(column) for name, column in truth.items()},
        "event_id": event_id,
        "outcome": outcome,
        "true_kind": kinds if kinds.dtype.kind == "S" else kinds.astype("S64"),
    }


def summarize(matched: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Return how many cells there are and what became of them; the parts sum to `cells`.

    Debris, bubbles and beads are `particles`, counted apart.
    """
    is_cell = _is_cell(matched)
    counts = Counter(outcome.decode() for outcome in matched["outcome"][is_cell].tolist())
    particles = matched["outcome"][~is_cell].tolist()
    rejected = {name.partition(":")[2]: n for name, n in sorted(counts.items()) if name.startswith("rejected:")}
    return {
        "cells": int(is_cell.sum()),
        "stored": counts[STORED],
        "rejected": rejected,
        "dropped": counts[DROPPED],
        "merged": counts[MERGED],
        "missed": counts[MISSED],
        "particles": len(particles),
        "particles_stored": particles.count(STORED.encode()),
    }


def _is_cell(truth: Truth) -> npt.NDArray[np.bool_]:
    """Which rows are cells: all, where the truth does not say."""
    rows = len(truth["tick"])
    return np.asarray(truth["is_cell"], dtype=bool) if "is_cell" in truth else np.ones(rows, dtype=bool)


def seen_part(truth: Truth, end_of_data: tuple[int, int]) -> dict[str, npt.NDArray[Any]]:
    """Return the cells whose centre lies before the last sample that was taken."""
    epoch, end = end_of_data
    epochs, ticks = np.asarray(truth["epoch"], np.int64), np.asarray(truth["tick"], np.float64)
    seen = (epochs < epoch) | ((epochs == epoch) & (ticks < end))
    # Mostly all of them: then they are not copied.
    return {name: np.asarray(column) if seen.all() else np.asarray(column)[seen] for name, column in truth.items()}


def _trigger_of(
    ticks: npt.NDArray[np.float64], rows: npt.NDArray[np.intp], triggers: Triggers, tolerance_ticks: float
) -> npt.NDArray[np.int64]:
    """Row of the trigger that each tick lies in, -1 for none; triggers of one epoch do not overlap."""
    if not len(rows):
        return np.full(len(ticks), -1, dtype=np.int64)
    rows = rows[np.argsort(triggers.tick[rows])]
    half = triggers.duration_ticks[rows] / 2
    starts, ends = triggers.tick[rows] - half, triggers.tick[rows] + half
    after = np.clip(np.searchsorted(triggers.tick[rows], ticks), 0, len(rows) - 1)
    before = np.clip(after - 1, 0, len(rows) - 1)

    def outside(k: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        return np.maximum(np.maximum(starts[k] - ticks, ticks - ends[k]), 0.0)

    best = np.where(outside(before) <= outside(after), before, after)
    return np.where(outside(best) <= tolerance_ticks, rows[best], -1).astype(np.int64)
