"""Batches on their way, and the answered ones in the order in which they came, without any socket or lock."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from acquisition.event import Event
from inference.finished import Finished, Pending, Stamps
from inference.handing import of_cells
from inference.results import CellResults
from reconstruction.images import CellImages


class Batches:
    """Numbers batches from 1 and lets them out in that order, whichever is finished first; not thread-safe.

    A batch is unanswered -> `finish` -> finished -> `take_done`, when all before it are finished too; open till then.
    """

    def __init__(self) -> None:
        self._unanswered: dict[int, Pending] = {}
        self._finished: dict[int, Finished] = {}
        self._next_in = self._next_out = 1

    @property
    def open(self) -> int:
        """Batches that came in and are not out."""
        return self._next_in - self._next_out

    @property
    def unanswered(self) -> dict[int, Pending]:
        """By number, those that are not finished."""
        return self._unanswered

    @property
    def done(self) -> bool:
        """Whether the next one that goes out is finished."""
        return self._next_out in self._finished

    def add(self, images: CellImages, cells: CellImages, stamps_s: Stamps | None, events: Sequence[Event]) -> int:
        """Take in a batch, see `Pending`; return its number."""
        number = self._next_in
        self._next_in += 1
        stamps = np.zeros((len(images), 0)) if stamps_s is None else stamps_s
        self._unanswered[number] = Pending(images, cells, of_cells(cells, events), stamps, time.monotonic())
        return number

    def finish(self, number: int, results: CellResults | None, error: str = "") -> None:
        """Take the answers for an unanswered batch's cells; None if there are none, and then why."""
        pending, now = self._unanswered.pop(number), time.monotonic()
        images, cells, stamps_s = pending.images, pending.cells, pending.stamps_s
        self._finished[number] = Finished(images, cells, results, error, stamps_s, pending.submitted_s, now)

    def take_done(self) -> list[Finished]:
        """Let out the finished ones that no unanswered one is before."""
        out: list[Finished] = []
        while self.done:
            out.append(self._finished.pop(self._next_out))
            self._next_out += 1
        return out

    def clear(self) -> None:
        """Forget every batch, and number from 1 again."""
        self._unanswered.clear()
        self._finished.clear()
        self._next_in = self._next_out = 1
