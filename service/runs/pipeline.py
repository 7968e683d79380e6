"""The line that every sample walks: source, detector, transform, workers, run folder; one thread a stage."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from acquisition.block import Block
from acquisition.errors import LightlineError
from acquisition.event import Event
from acquisition.precedence import come_first
from inference.finished import Finished, Stamps
from reconstruction.images import CellImages
from service.errors import StorageError
from service.run import DropReason, FinishReason, RunRequest
from service.runs.edge import Edge, Policy
from service.runs.intake import Intake
from service.runs.ledger import LedgerBook
from service.runs.meters import RateMeter, StageMeters
from service.runs.parts import Parts
from service.runs.storekeeper import Answered, Storekeeper
from service.runs.window_writer import WindowWriter
from service.status import QueueFill

logger = logging.getLogger("lightline.run")

BLOCKS = 8
LIVE_BLOCKS, LIVE_BYTES = 4096, 256 << 20
EVENTS, LIVE_EVENTS = 256, 2048
EVENTS_PER_BATCH = 32
BATCH_PATIENCE_S = 0.002
_TURN_S = 0.1
_MOST_LOST_PLACES = 100_000
_IN_ITS_TURN = ("keep",)
"""Stages that nobody waits for: those of a live source come first on the processors otherwise."""


@dataclass(frozen=True)
class _Found:
    event: Event
    arrived_s: float
    """When the last sample of its window was in memory."""
    found_s: float


class Pipeline:
    """Runs the stages until the source ends, a stop rule holds, or something breaks; counts every hand-over.

    States: new -> `start` -> acquiring -> `end` (by the source, a stop rule, a failure or from outside) -> draining ->
    `join` returns. Only the first `end` gives the reason. Events that cannot be finished any more are dropped with a
    reason: `queue_full`, `inference`, `storage`, `abandoned` or `failed`.
    """

    def __init__(self, parts: Parts, request: RunRequest, ledger: LedgerBook, on_drain: Callable[[], None]) -> None:
        self._parts = parts
        self._request = request
        self._ledger = ledger
        self._on_drain = on_drain
        policy = Policy.WAIT if parts.source.waits else Policy.DROP_NEWEST
        # A live source cannot wait while the line warms up or the disk is slow; its samples wait in memory instead.
        blocks = BLOCKS if parts.source.waits else LIVE_BLOCKS
        self._blocks: Edge[Block] = Edge(blocks, policy, lambda block: block.data.nbytes, LIVE_BYTES)
        events = EVENTS if parts.source.waits else LIVE_EVENTS
        self._events: Edge[_Found] = Edge(events, policy, lambda found: found.event.window.nbytes, LIVE_BYTES)
        self.latency = StageMeters()
        self.events_rate = RateMeter()
        self._windows = WindowWriter(parts.folder.append_windows, self._windows_refused)
        self._storing = Storekeeper(parts, ledger, self._windows, self.latency, self.end, lambda: self._abandoned)
        self._intake = Intake(
            parts.source, parts.recorder, self._blocks, ledger, request.seconds, self.end, request.restarts
        )
        self._lock = threading.Lock()
        self._transformed = threading.Event()
        self._abandoned = ""
        self._threads: list[threading.Thread] = []
        self._came_first: list[bool] = []
        self.reason: FinishReason | None = None
        self.error: str | None = None
        self.lost_places: deque[tuple[int, int, float, float]] = deque(maxlen=_MOST_LOST_PLACES)
        """Event id, epoch, tick and duration of events that were lost before their windows were stored."""

    def start(self) -> None:
        """Begin to acquire."""
        # Rates count from now on; the run may have been held for long.
        self.events_rate.restart()
        self.cells_rate.restart()
        stages = {
            "read": self._intake.run,
            "detect": self._detect,
            "windows": self._windows.run,
            "transform": self._transform,
            "decide": self._decide,
            "keep": self._storing.keep,
        }
        if self._storing.hands_over:
            stages["store"] = self._storing.store
        self._threads = [
            threading.Thread(target=self._guard, args=(name, stage), name=f"line-{name}", daemon=True)
            for name, stage in stages.items()
        ]
        for thread in self._threads:
            thread.start()

    def end(self, reason: FinishReason, error: str | None = None) -> None:
        """Take no more samples, and finish what was detected; from any thread, and only the first one counts."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason, self.error = reason, error
            self._on_drain()
        self._intake.stop()

    def abandon(self, reason: str) -> None:
        """Do not finish what was detected either; it is counted as dropped for this reason."""
        with self._lock:
            if self._abandoned:
                return
            self._abandoned = reason
        self._blocks.abort()
        for found in self._events.abort():
            self._drop(found.event, reason)
        self._parts.dispatcher.abandon(reason)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until every stage is done; False if the time was not enough."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def came_first(self) -> bool | None:
        """Whether its stages come before every other program on the processors; None where none has to."""
        return all(self._came_first) if self._came_first else None

    @property
    def cells_rate(self) -> RateMeter:
        """How many cells are stored."""
        return self._storing.cells_rate

    @property
    def end_of_data(self) -> tuple[int, int]:
        """Epoch of the last sample that was taken, and the tick after it."""
        return self._intake.end_of_data

    def queues(self) -> dict[str, QueueFill]:
        """Return how full the edges are."""
        dispatcher = self._parts.dispatcher
        policy = self._blocks.fill().policy
        batches = QueueFill(size=max(0, dispatcher.open_batches), bound=dispatcher.bound, policy=policy)
        return {
            "blocks": self._blocks.fill(),
            "events": self._events.fill(),
            "batches": batches,
            "answers": self._storing.fill(),
        }

    def _guard(self, name: str, stage: Callable[[], None]) -> None:
        """Run a stage; whatever it raises ends the run, with the rest counted."""
        if not self._parts.source.waits and name not in _IN_ITS_TURN:
            self._came_first.append(come_first())
        try:
            stage()
        except LightlineError as error:
            self._break(str(error))
        except Exception as error:
            run_id = self._parts.folder.run().id
            logger.exception("A stage broke.", extra={"what": "fault", "run": run_id, "stage": name})
            self._break(f"The run stopped because of a fault in the service ({type(error).__name__}: {error}).")

    def _break(self, sentence: str) -> None:
        self.end(FinishReason.FAILED, sentence)
        self.abandon(DropReason.FAILED)

    def _detect(self) -> None:
        detector, recorder = self._parts.detector, self._parts.recorder
        try:
            while blocks := self._blocks.take():
                events = detector.push(blocks[0])
                if recorder is not None:
                    recorder.searched(blocks[0], events, detector.clock)
                self._found(events)
            if not self._abandoned:
                events = detector.flush()
                if recorder is not None:
                    recorder.found(events)
                self._found(events)
        finally:
            self._events.close()

    def _found(self, events: list[Event]) -> None:
        if not events:
            return
        now, arrived = time.monotonic(), self._intake.arrivals.of(events)
        self._ledger.detected(len(events))
        self.events_rate.add(len(events))
        found = [_Found(event, arrived_s, now) for event, arrived_s in zip(events, arrived.tolist(), strict=True)]
        for refused in found[self._events.put_all(found) :]:
            self._drop(refused.event, self._abandoned or DropReason.QUEUE_FULL)

    def _transform(self) -> None:
        try:
            while found := self._events.take(EVENTS_PER_BATCH, self._patience_s):
                events = [one.event for one in found]
                self._windows.put(events)
                images = self._parts.transform.images(events, self._parts.channels, cells_first=True)
                self._submit(images, _stamps(images, found), events)
        finally:
            self._windows.close()
            self._transformed.set()

    def _patience_s(self) -> float:
        """How long to wait for more events: not at all while no worker has anything to do."""
        return BATCH_PATIENCE_S if self._parts.dispatcher.unanswered else 0.0

    def _submit(self, images: CellImages, stamps_s: Stamps, events: Sequence[Event]) -> None:
        # Every hand-over costs a cell as long as its answer does; they pay where more than a batch waits.
        at_once = self._events.fill().size < EVENTS_PER_BATCH
        while not self._parts.dispatcher.submit(images, stamps_s, _TURN_S, events, at_once=at_once):
            if self._abandoned:
                self._ledger.dropped(self._abandoned, len(images))
                return

    def _decide(self) -> None:
        """Take answers and publish what they decide; apart from storing, as whoever sorts does not wait for a disk."""
        dispatcher = self._parts.dispatcher
        try:
            while not (self._transformed.is_set() and dispatcher.open_batches == 0):
                for finished in dispatcher.results(_TURN_S):
                    self._storing.put(self._answered(finished))
                if self._abandoned:
                    # Batches that were submitted since.
                    dispatcher.abandon(self._abandoned)
        finally:
            self._storing.close()

    def _answered(self, finished: Finished) -> Answered:
        """Make the rows of a batch, and publish what they decide."""
        results = finished.results
        if results is not None and self._parts.refit is not None:
            results = self._parts.refit.answered(results)
        rows = None if results is None else self._parts.folder.rows(finished.cells, results)
        if self._parts.sorter is not None:
            self._parts.sorter.decide(finished, rows)
        return Answered(finished, rows)

    def _windows_refused(self, events: Sequence[Event], error: StorageError) -> None:
        """End the run; who stores counts the events when their turn comes."""
        self.lost_places.extend(_place(event) for event in events)
        self.end(FinishReason.STORAGE, str(error))

    def _drop(self, event: Event, reason: str) -> None:
        self._ledger.dropped(reason, 1)
        self.lost_places.append(_place(event))


def _place(event: Event) -> tuple[int, int, float, float]:
    return event.event_id, event.epoch, event.trigger_tick, event.duration_ticks


def _stamps(images: CellImages, found: list[_Found]) -> Stamps:
    """When each event of a batch was in memory and when it was found, `(n, 2)`, in the order of its images."""
    ids = np.array([one.event.event_id for one in found], dtype=np.uint64)
    times = np.array([(one.arrived_s, one.found_s) for one in found])
    order = np.argsort(ids)
    # The transform puts cells first.
    return np.asarray(times[order[np.searchsorted(ids[order], images.event_id)]])
