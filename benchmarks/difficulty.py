"""How hard it is to tell the simulated populations apart by hand-made features: what is left for models to do.

Every figure is simulated, walked through the whole line (samples, detection, images), and split by run: features are
fitted on one run and scored on another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from acquisition.event import Event
from acquisition.source import open_source
from inference.training.controls import frame_features, hand_made_features
from inference.training.quiet import ignoring
from inference.training.scores import balanced_accuracy
from reconstruction.transform import Transform, transform_for
from service.cli.collect import events_of, match_labels
from service.runs.truth import STORED, Triggers

BATCH = 32
SHAPE_FEATURES = ("area_um2", "diameter_um", "axis_ratio", "bright_avg", "bright_sd", "contrast")
NOT_ASKED = ("debris", "bubble", "doublet")


@dataclass(frozen=True)
class Task:
    """Populations to tell apart on a preset.

    Attributes
    ----------
    name
        What stands in the table.
    preset, sample
        As for `sim:PRESET?sample=...`.
    cells
        True cells in each of the two runs.
    rate
        Cells per second, few enough that most are alone in their window.
    """

    name: str
    preset: str
    sample: str
    cells: int
    rate: float


def _mix(*kinds: str) -> str:
    return ",".join(f"{kind}:{1 / len(kinds):.9f}" for kind in kinds)


TASKS = (
    Task("HEK-293T GFP-GR, dexamethasone or not", "sheet-real", "hek-gr:dex=0.5", 600, 60.0),
    Task("lymphocyte, monocyte, neutrophil", "sheet-real", _mix("lymphocyte", "monocyte", "neutrophil"), 300, 60.0),
    Task("SKNO1 and white blood cells", "sheet-real", "wbc:0.5,skno1:0.5", 300, 60.0),
    Task("THP1, MCF7, MDA-MB-231", "sheet-real", _mix("thp1", "mcf7", "mda-mb-231"), 300, 60.0),
    Task("lymphocyte, monocyte, neutrophil", "stretch-ci", _mix("lymphocyte", "monocyte", "neutrophil"), 300, 100.0),
    Task("THP1, MCF7, MDA-MB-231", "stretch-ci", _mix("thp1", "mcf7", "mda-mb-231"), 300, 100.0),
)


@dataclass(frozen=True)
class Features:
    """Cells of one run: hand-made features, those of the empty frame, and true kinds."""

    measured: np.ndarray
    frame: np.ndarray
    kinds: np.ndarray


def features_of_run(task: Task, seed: int) -> Features:
    """Walk a simulated run and measure every cell of the sample that passes the gate."""
    # Debris costs cells (it overlaps with them) and says nothing about telling them apart.
    options = f"sample={task.sample}&cells={task.cells}&rate={task.rate}&seed={seed}&threads=all&flow.debris_per_cell=0"
    found = _Found()
    with open_source(f"sim:{task.preset}?{options}") as source:
        transform = transform_for(source.instrument)
        events = events_of(source)
        while batch := list(islice(events, BATCH)):
            found.add(batch, transform)
        labels = match_labels(found.triggers(), source.truth(), source.instrument)
    kinds = np.array(labels)
    keep = np.concatenate(found.is_cell) & np.isin(kinds, list(set(labels) - {"", *NOT_ASKED}))
    return Features(np.concatenate(found.measured)[keep], np.concatenate(found.frame)[keep], kinds[keep])


@dataclass
class _Found:
    """What is kept of the events of a run: no windows, no images."""

    places: list[tuple[int, int, float, float]] = field(default_factory=list)
    measured: list[np.ndarray] = field(default_factory=list)
    frame: list[np.ndarray] = field(default_factory=list)
    is_cell: list[np.ndarray] = field(default_factory=list)

    def add(self, events: list[Event], transform: Transform) -> None:
        images = transform.images(events, _label_free(transform))
        flat = [_flat(stack) for stack in images.images.values()]
        features = [np.stack([images.features[name] for name in SHAPE_FEATURES], axis=1)]
        features += [hand_made_features(stack, background) for stack, background in flat]
        self.measured.append(np.nan_to_num(np.concatenate(features, axis=1)))
        self.frame.append(np.concatenate([frame_features(stack) for stack, _ in flat], axis=1))
        self.is_cell.append(images.is_cell)
        self.places += [(e.event_id, e.epoch, e.trigger_tick, e.duration_ticks) for e in events]

    def triggers(self) -> Triggers:
        ids, epochs, ticks, durations = (np.array(column) for column in zip(*self.places, strict=True))
        return Triggers(ids, epochs, ticks, durations, (STORED,) * len(ids))


def _label_free(transform: Transform) -> list[str]:
    """Channels that need no stain."""
    return [name for name in transform.channels if name in ("transmission", "side_scatter", "line")]


def _flat(stack: np.ndarray) -> tuple[np.ndarray, float]:
    """Images `(n, y, x)`, volumes summed along x, and the value of their background."""
    return (stack.sum(axis=-1), 0.0) if stack.ndim == 4 else (stack, 1.0)


def scores(task: Task) -> dict[str, float]:
    """Balanced accuracy of each way to guess, fitted on one run and scored on another."""
    train, test = features_of_run(task, seed=101), features_of_run(task, seed=202)
    names, label = np.unique(train.kinds, return_inverse=True)
    true = np.searchsorted(names, test.kinds)
    found = {"cells": float(len(true)), "majority class": 1.0 / len(names)}
    for name, a, b in (
        ("background only", train.frame, test.frame),
        ("hand-made, linear", train.measured, test.measured),
    ):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=0.1, class_weight="balanced"))
        with ignoring(ConvergenceWarning):
            found[name] = balanced_accuracy(true, model.fit(a, label).predict(b), len(names))
    trees = HistGradientBoostingClassifier(class_weight="balanced", max_iter=150, random_state=0)
    found["hand-made, boosted trees"] = balanced_accuracy(
        true, trees.fit(train.measured, label).predict(test.measured), len(names)
    )
    return found


def figures() -> list[tuple[str, ...]]:
    """One row per task, for docs/measurements.md."""
    rows = []
    for task in TASKS:
        found = scores(task)
        rows.append(
            (task.name, task.preset, f"{found.pop('cells'):.0f}", *(f"{value:.3f}" for value in found.values()))
        )
    return rows


HEAD = (
    "populations", "simulated on", "cells scored", "majority class", "background only", "hand-made, linear",
    "hand-made, boosted trees",
)  # fmt: skip

if __name__ == "__main__":
    print(" | ".join(HEAD))
    for row in figures():
        print(" | ".join(row))
