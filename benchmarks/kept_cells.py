"""Cells that a study makes once: taken from a folder where they are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inference.training.data import TrainingSet


def kept_cells(file: Path | None, make: Callable[[], TrainingSet]) -> TrainingSet:
    """Return the cells of a file, made and left there where it is missing; without a file, made every time."""
    if file is None:
        return make()
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".part")
        make().save(draft)
        draft.replace(file)
    return TrainingSet.load(file)
