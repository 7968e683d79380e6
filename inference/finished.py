"""Batches before and after their answers, and workers, as the dispatcher knows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from inference.results import CellResults
from reconstruction.images import CellImages

Stamps = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Finished:
    """What became of a batch.

    Attributes
    ----------
    images
        The batch as it was submitted, rejected events and all.
    cells
        Its cells (`images.is_cell`).
    results
        Answers for its cells, in their order; None if there are none.
    error
        Why its cells have no answer; empty if they have, or if there are no cells in it.
    stamps_s
        `(n, ...)` float64, one row for each event of `images`, as `submit` was given them.
    submitted_s, answered_s
        When it was submitted and answered, on `time.monotonic`.
    """

    images: CellImages
    cells: CellImages
    results: CellResults | None
    error: str
    stamps_s: Stamps
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
    """A batch on its way: all of it, its cells, the events they were made of where those are known, and its times."""

    images: CellImages
    cells: CellImages
    events: tuple[Event, ...]
    stamps_s: Stamps
    submitted_s: float
