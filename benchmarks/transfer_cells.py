"""Runs of the transfer study, simulated once and kept: white blood cells, leukaemia among them, translocation.

A donor is simulated as a differential blood count of its own and a seed of its own, which also gives every run its own
pinholes, flow and noise. That cells of the same type are alike in every donor is an assumption of the simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.source import Truth, open_source
from benchmarks.kept_cells import kept_cells
from inference.training.data import TrainingSet
from reconstruction.transform import transform_for
from service.cli.collect import events_of, match_labels
from service.runs.truth import STORED, Triggers

PRESET, RATE, POOL, BATCH = "sheet-real", 120.0, 2, 32
CHANNELS = ("transmission", "side_scatter")

Kinds = npt.NDArray[np.str_]

_TYPES = {"neutrophil": "granulocyte", "eosinophil": "granulocyte", "lymphocyte": "lymphocyte", "monocyte": "monocyte"}
_LEUKAEMIA = {**dict.fromkeys(_TYPES, "white blood cell"), "skno1": "leukaemia"}
_TRANSLOCATED = 1.0
"""Density of GFP in the nucleus over that in the cytoplasm, above which the receptor is called translocated."""


def white_cells(truth: Truth) -> Kinds:
    """Return the three types that staining tells apart, the empty string for what is none of them."""
    return _renamed(truth, _TYPES)


def leukaemia(truth: Truth) -> Kinds:
    """Return whether a cell is a leukaemia cell, the empty string for what is no cell."""
    return _renamed(truth, _LEUKAEMIA)


def translocation(truth: Truth) -> Kinds:
    """Return whether the receptor is in the nucleus, as its fluorescence shows; not all treated cells respond."""
    inside = np.where(np.asarray(truth["translocation"]) > _TRANSLOCATED, "translocated", "untranslocated")
    single = np.isin(_kinds(truth), ("hek-gr-dex", "hek-gr-untreated"))
    return np.where(single, inside, "")


@dataclass(frozen=True)
class StudyRun:
    """One simulated run.

    Attributes
    ----------
    sample, seed
        As for `sim:PRESET?sample=...&seed=...`.
    cells
        That flow; about six in ten are alone in their window and pass the gate.
    named
        Gives the class of every true cell.
    """

    sample: str
    seed: int
    cells: int
    named: Callable[[Truth], Kinds]

    @property
    def url(self) -> str:
        """Return the source."""
        # Debris costs cells (it overlaps with them) and says nothing about telling them apart.
        flow = f"cells={self.cells}&rate={RATE:g}&seed={self.seed}&flow.debris_per_cell=0"
        return f"sim:{PRESET}?sample={self.sample}&{flow}"


def _donor(share: float, neutrophil: float, eosinophil: float, lymphocyte: float, monocyte: float) -> str:
    counts = {"neutrophil": neutrophil, "eosinophil": eosinophil, "lymphocyte": lymphocyte, "monocyte": monocyte}
    return ",".join(f"{kind}:{share * part:.6f}" for kind, part in counts.items())


_A, _B, _C, _D = (0.57, 0.03, 0.32, 0.08), (0.66, 0.02, 0.24, 0.08), (0.50, 0.04, 0.37, 0.09), (0.45, 0.04, 0.41, 0.10)
_HEK = "hek-gr:dex=0.5"

RUNS: Mapping[str, StudyRun] = {
    "donor-a": StudyRun(_donor(1.0, *_A), 3101, 1200, white_cells),
    "donor-a-validation": StudyRun(_donor(1.0, *_A), 3102, 400, white_cells),
    "donor-b": StudyRun(_donor(1.0, *_B), 3103, 1000, white_cells),
    "leukaemia-50": StudyRun(f"{_donor(0.5, *_C)},skno1:0.5", 3105, 700, leukaemia),
    "translocation": StudyRun(_HEK, 3108, 1200, translocation),
    "translocation-validation": StudyRun(_HEK, 3109, 400, translocation),
    "leukaemia-10": StudyRun(f"{_donor(0.9, *_C)},skno1:0.1", 3106, 900, leukaemia),
    "leukaemia-1": StudyRun(f"{_donor(0.99, *_C)},skno1:0.01", 3107, 1800, leukaemia),
    "leukaemia-a": StudyRun(f"{_donor(0.5, *_A)},skno1:0.5", 3110, 3000, leukaemia),
    "donor-d": StudyRun(_donor(1.0, *_D), 3104, 1000, white_cells),
}
"""By name: trained on donor A, judged on donors B and D; leukaemia in donor C, and in A to fit heads to."""


def cells_of(name: str, folder: Path) -> TrainingSet:
    """Return the labelled cells of a run of the study, simulated now unless the folder has them."""
    return kept_cells(folder / f"{name}.npz", lambda: simulated(name, RUNS[name]))


def simulated(name: str, run: StudyRun) -> TrainingSet:
    """Walk a run from samples to images, and keep the labelled cells; debris, doublets and bubbles are left out."""
    parts: list[TrainingSet] = []
    ids: list[int] = []
    places: list[tuple[int, int, float, float]] = []
    with open_source(run.url) as source:
        transform = transform_for(source.instrument)
        events = events_of(source)
        while batch := list(islice(events, BATCH)):
            images = transform.images(batch, CHANNELS, cells_first=True)
            part = TrainingSet.from_images(
                images, None, name, instrument_kind=source.instrument.kind, origin=source.origin, channels=CHANNELS,
                volume_pool=POOL,
            )  # fmt: skip
            parts.append(part)
            ids += images.event_id[images.is_cell].tolist()
            places += [(e.event_id, e.epoch, e.trigger_tick, e.duration_ticks) for e in batch]
        truth = source.truth() or {}
        columns = (np.array(column) for column in zip(*places, strict=True))
        triggers = Triggers(*columns, (STORED,) * len(places))
        # What stands for the kind is the class that is asked for.
        told = match_labels(triggers, {**truth, "kind": run.named(truth).astype("S32")}, source.instrument)
    kinds = dict(zip(triggers.event_id.tolist(), told, strict=True))
    cells = TrainingSet.concatenate(parts)
    cells = replace(cells, run_names=(name,)).labelled([kinds[event_id] for event_id in ids])
    return cells.where(cells.is_labelled)


def _renamed(truth: Truth, names: Mapping[str, str]) -> Kinds:
    return np.array([names.get(kind, "") for kind in _kinds(truth).tolist()])


def _kinds(truth: Truth) -> Kinds:
    return np.asarray(truth["kind"]).astype(str)
