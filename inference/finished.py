"""Batches before and after their answers, and workers, as the dispatcher knows them."""

from __future__ import annotations

from dataclasses import dataclass

from inference.results import CellResults
from reconstruction.images import CellImages


@dataclass(frozen=True)
class Finished:
    """What became of a batch.

    Attributes
    ----------
    images
        The batch as it was submitted, rejected events and all.
    results
        Answers for its cells (`images.is_cell`), in their order; None if there are none.
    error
        Why its cells have no answer; empty if they have, or if there are no cells in it.
    stamp_s, submitted_s, answered_s
        What `submit` was given, and when it was submitted and answered, on `time.monotonic`.
    """

    images: CellImages
    results: CellResults | None
    error: str
    stamp_s: float
    submitted_s: float
    answered_s: float


@dataclass(frozen=True)
class WorkerView:
    """A worker as the dispatcher sees it."""

    name: str
    provider: str
    outstanding: int
    answered: int
    silent_s: float


@dataclass(frozen=True)
class Pending:
    """A batch on its way: all of it, its cells, and its times."""

    images: CellImages
    cells: CellImages
    stamp_s: float
    submitted_s: float
