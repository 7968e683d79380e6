"""The last stages: answered batches into the run folder, counted as they get there, and kept safe."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from inference.finished import Finished
from service.errors import StorageError
from service.run import DropReason, FinishReason
from service.runs.edge import Edge, Policy
from service.runs.ledger import LedgerBook
from service.runs.meters import RateMeter, StageMeters
from service.runs.parts import Parts
from service.runs.window_writer import WindowWriter
from service.status import QueueFill
from service.store.tables.cell_rows import count_reasons
from service.store.tables.later_rows import CellRows

ANSWERS = 16
"""Batches."""
_TURN_S = 0.1
_REST_S = 0.015
"""What events take to be stored: so that none of them meets two steps of making rows safe."""


@dataclass(frozen=True)
class Answered:
    """A batch, and the rows that its cells are stored as; None where there is no answer."""

    finished: Finished
    rows: CellRows | None


class Storekeeper:
    """Stores batches in the order in which they are given, each once the windows of its events are written.

    States: open -> `close` (what was given is still stored) -> over, when `store` returns. `store` and `keep` are
    stages, each to be run by a thread of its own. Where nobody sorts, who gives a batch has nothing else to do, and
    stores it without handing it over: `store` is no stage then, see `hands_over`.

    Parameters
    ----------
    parts, ledger, windows, latency
        Of the run.
    end
        Told why the run has to end: because it has enough, or because the disk takes no more.
    abandoned
        Gives the reason for which what is in flight is given up; empty while it is not.
    """

    def __init__(
        self,
        parts: Parts,
        ledger: LedgerBook,
        windows: WindowWriter,
        latency: StageMeters,
        end: Callable[[FinishReason, str | None], None],
        abandoned: Callable[[], str],
    ) -> None:
        self._parts = parts
        self._ledger = ledger
        self._windows = windows
        self._latency = latency
        self._end = end
        self._abandoned = abandoned
        # It holds up the workers, and they what is before them: only there is anything lost.
        self._answers: Edge[Answered] = Edge(ANSWERS, Policy.WAIT)
        self._stored = threading.Event()
        self.cells_rate = RateMeter()

    @property
    def hands_over(self) -> bool:
        """Whether another thread stores than the one that gives batches."""
        return self._parts.sorter is not None

    def put(self, answered: Answered) -> None:
        """Give a batch; waits while too many wait already, or until it is stored."""
        if self.hands_over:
            self._answers.put(answered)
        else:
            self._store_one(answered)

    def close(self) -> None:
        """Let no more batches in."""
        self._answers.close()
        if not self.hands_over:
            self.store()

    def fill(self) -> QueueFill:
        """Return how many batches wait."""
        return self._answers.fill()

    def store(self) -> None:
        """Store batch after batch until `close`."""
        try:
            while batches := self._answers.take():
                self._store_one(batches[0])
            if self._parts.refit is not None:
                self._parts.refit.finish()
        finally:
            # After a fault, nobody waits for room; the run's end counts what was in it.
            self._answers.abort()
            self._stored.set()

    def keep(self) -> None:
        """Make safe what was stored; apart from storing, as events that come meanwhile do not wait for the disk."""
        while not self._stored.wait(_TURN_S):
            try:
                self._parts.folder.keep_if_due(lambda: self._stored.wait(_REST_S))
            except StorageError as error:
                self._end(FinishReason.STORAGE, str(error))

    def _store_one(self, answered: Answered) -> None:
        images, is_cell = answered.finished.images, answered.finished.images.is_cell
        if not self._windows.written(images.event_id):
            self._ledger.dropped(self._abandoned() or DropReason.STORAGE, len(images))
            return
        try:
            self._append(answered)
        except StorageError as error:
            self._ledger.dropped(DropReason.STORAGE, len(images))
            self._end(FinishReason.STORAGE, str(error))
            return
        self._ledger.rejected(count_reasons([reason.value for reason in images.rejection if reason.value]))
        if answered.rows is None:
            self._ledger.dropped(self._abandoned() or DropReason.INFERENCE, len(answered.finished.cells))
        else:
            self._count(answered.rows)
        self._latency.add(answered.finished, ~is_cell | (answered.rows is not None))

    def _append(self, answered: Answered) -> None:
        folder, images = self._parts.folder, answered.finished.images
        if answered.rows is None:
            folder.append_rejected(images.take(~images.is_cell))
            return
        if self._parts.refit is not None:
            self._parts.refit.save(folder.save_mixtures)
        folder.append(images, answered.rows)

    def _count(self, rows: CellRows) -> None:
        self._parts.drift.add(rows.results.embedding)
        self._ledger.stored(rows.num_rows)
        self.cells_rate.add(rows.num_rows)
        reason = self._parts.rules.stored(rows)
        if reason is not None:
            self._end(reason, None)
