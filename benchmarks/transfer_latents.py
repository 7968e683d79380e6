"""Encoders of the transfer study, trained once for every seed, and what they make of every run that they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.transfer_cells import cells_of
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.options import WIDTHS, Learning, Size, TrainingOptions
from inference.training.stacks import kept_images

Doubles = npt.NDArray[np.float64]
Latents = Mapping[str, Doubles]
"""By run, `(n, d)`."""


@dataclass(frozen=True)
class Training:
    """What one encoder learns from, and which runs it is shown afterwards.

    Attributes
    ----------
    channels
        Images that it takes.
    learnt, validation
        Runs that it is trained on, and stopped by.
    shown
        Runs that it has no part in.
    seeds
        Of the trainings.
    coarser, widths
        Edge of the cubes of kept voxels, 0.5 µm each, whose means are learnt from, and channels of the blocks.
    """

    name: str
    channels: tuple[str, ...]
    learnt: str
    validation: str
    shown: tuple[str, ...]
    seeds: range
    coarser: int = 2
    widths: tuple[int, ...] = (16, 32)


BLOOD = Training(
    "blood",
    ("side_scatter",),
    "donor-a",
    "donor-a-validation",
    ("donor-b", "donor-d", "leukaemia-50", "leukaemia-10", "leukaemia-1", "leukaemia-a"),
    range(5),
)
FINE = replace(BLOOD, name="blood-fine", shown=BLOOD.shown[2:], coarser=1, widths=(16, 32, 32))
"""The same cells in volumes of 0.5 µm; what a bundle is made of where nothing else is said."""
HEK = Training("hek", ("transmission", "side_scatter"), "translocation", "translocation-validation", (), range(3))


def options_of(training: Training, learning: Learning, seed: int, folder: Path | None = None) -> TrainingOptions:
    """Return how an encoder of the study is trained: large, with blocks that fit volumes of 20 or 40 voxels a side."""
    return TrainingOptions(
        learning=learning, widths=WIDTHS[Size.LARGE].images, volume_widths=training.widths, epochs=20, patience=5,
        seed=seed, folder=folder,
    )  # fmt: skip


@lru_cache(maxsize=2)
def seen_by(training: Training, run: str, folder: Path) -> TrainingSet:
    """Return the cells of a run as the encoder takes them."""
    cells = cells_of(run, folder)
    images = {name: cells.images[name] for name in training.channels}
    pool = {name: cells.pool[name] for name in training.channels}
    for name, stack in images.items():
        if stack.ndim == 4:
            images[name] = kept_images(stack[:].astype(np.float32), training.coarser)
            pool[name] *= training.coarser
    return replace(cells, images=images, pool=pool)


def latents(training: Training, learning: Learning, seed: int, folder: Path) -> Latents:
    """Return the latents of every run, from the folder if they are there."""
    file = folder / f"{training.name}-{learning}-{seed}.npz"
    if not file.exists():
        found = _learnt(training, learning, seed, folder)
        draft = file.with_suffix(".part")
        with draft.open("wb") as out:
            np.savez(out, allow_pickle=False, **found)
        draft.replace(file)
    with np.load(file, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def _learnt(training: Training, learning: Learning, seed: int, folder: Path) -> dict[str, Doubles]:
    runs = (training.learnt, training.validation, *training.shown)
    cells = {run: seen_by(training, run, folder) for run in runs}
    options = options_of(training, learning, seed, folder / f"{training.name}-{learning}-{seed}.training")
    model = fit_encoders(cells[training.learnt], cells[training.validation], options).model
    return {run: encode(model, each).astype(np.float64) for run, each in cells.items()}
