"""What a dispatcher says to its workers and makes of what they say, without any socket, thread or lock."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

import numpy as np

from acquisition.event import Event
from inference.assignments import Assignments
from inference.batches import Batches
from inference.errors import TransportError
from inference.finished import Stamps
from inference.handing import batch_for
from inference.member import Member
from inference.messages import Answers, Batch, End, Failed, Heartbeat, Message, Ready, Start, Stop, Windows
from inference.router import Letter
from reconstruction.images import CellImages

logger = logging.getLogger("lightline.workers")


class Conversation:
    """The workers of a dispatcher, their run and its batches; not thread-safe.

    A run begins with `begin` and is over with `end`; workers come and go at any time. What is to be said waits until it
    is taken as `outgoing`.

    Attributes
    ----------
    batches
        Of the run.
    assignments
        Who has which of them.
    trouble
        Why no worker can use the run's model; empty where one may.
    """

    def __init__(self, silence_s: float) -> None:
        self.batches = Batches()
        self.assignments = Assignments(silence_s)
        self.trouble = ""
        self._letters: list[Letter] = []
        self._start: Start | None = None
        self._channels: tuple[str, ...] = ()

    @property
    def members(self) -> list[Member]:
        """Workers that have joined."""
        return list(self.assignments.members.values())

    def begin(self, start: Start, channels: Sequence[str]) -> None:
        """Announce a run to the workers that are there or join later; its batches carry the images of `channels`."""
        self._forget_batches()
        self.assignments.given_again = self.assignments.ignored_answers = 0
        self._start, self._channels, self.trouble = start, tuple(channels), ""
        self._say_to_all(start)

    def end(self, reason: str, counts: Mapping[str, int]) -> None:
        """Tell every worker that the run is over; batches still open are forgotten."""
        if self._start is not None:
            self._say_to_all(End(self._start.run, reason, dict(counts)))
        self._start = None
        self._forget_batches()

    def stop(self) -> None:
        """Send every worker home."""
        self._say_to_all(Stop())

    def add(self, images: CellImages, cells: CellImages, stamps_s: Stamps | None, events: Sequence[Event]) -> int:
        """Take in a batch, see `Batches.add`; return its number. Without cells, it is finished."""
        number = self.batches.add(images, cells, stamps_s, events)
        if len(cells):
            self.assignments.add(number)
        else:
            self.batches.finish(number, None)
        return number

    def give_to(self, name: str, number: int) -> tuple[bytes, Batch | Windows] | None:
        """Give a batch that waits to the worker of a name; return who that is and what it gets, None without room."""
        worker = self.assignments.give_to(name, number, time.monotonic())
        return None if worker is None else (worker, self._message(number, windows=False))

    def abandon(self, reason: str) -> None:
        """Finish every unanswered batch without an answer."""
        for number in list(self.batches.unanswered):
            self.assignments.close(number)
            self.batches.finish(number, None, reason)

    def take(self, worker: bytes, message: Message) -> None:
        """Act on a worker's message; raises `TransportError` if no worker may say it."""
        now = time.monotonic()
        match message:
            case Ready():
                self._join(worker, message, now)
            case Answers():
                self._answered(worker, message, now)
            case Failed():
                self._failed(worker, message)
            case Heartbeat():
                self._letters.append((worker, Heartbeat(self._run)))
            case _:
                raise TransportError("A worker sent what only a dispatcher may say.")
        if not self.assignments.hear(worker, now):
            # It was given up, or this dispatcher is newer than the worker: it may join again.
            self.assignments.join(worker, "", "", 0, now)
            self._letters.extend([(worker, self._start)] if self._start else [])

    def outgoing(self) -> list[Letter]:
        """Return what is to be said now, and to whom."""
        now = time.monotonic()
        for member in self.assignments.expire(now).values():
            self._log_lost(member)
        for number, reason in self.assignments.given_up().items():
            self.batches.finish(number, None, reason)
        letters, self._letters = self._letters, []
        for worker, number in self.assignments.give(now):
            letters.append((worker, self._message(number, windows=self.assignments.members[worker].windows)))
        return letters

    @property
    def _run(self) -> str:
        return self._start.run if self._start else ""

    def _say_to_all(self, message: Message) -> None:
        self._letters.extend((worker, message) for worker in self.assignments.members)

    def _message(self, number: int, *, windows: bool) -> Batch | Windows:
        """Return what a worker is sent of a batch, one that makes images itself with `windows`."""
        return batch_for(self._run, number, self.batches.unanswered[number], self._channels, windows)

    def _join(self, worker: bytes, message: Ready, now: float) -> None:
        warm = self._start is not None and message.run == self._start.run
        member = self.assignments.members.get(worker)
        if member is None or not member.name:
            self._log(logging.INFO, "worker_joined", "An inference worker joined.", message.worker)
        credit, windows = message.credit if warm else 0, bool(message.windows)
        self.assignments.join(worker, message.worker, message.provider, credit, now, windows=windows)
        if not warm and self._start is not None:
            self._letters.append((worker, self._start))

    def _answered(self, worker: bytes, message: Answers, now: float) -> None:
        mine = self._start is not None and message.run == self._start.run
        pending = self.batches.unanswered.get(message.batch) if mine else None
        if pending is None:
            self.assignments.ignore(worker, message.batch if mine else 0, now)
        elif not np.array_equal(pending.cells.event_id, message.results.event_id):
            self.assignments.fail(worker, message.batch, "a worker answered for other events")
        elif self.assignments.answer(worker, message.batch, now):
            self.batches.finish(message.batch, message.results)

    def _failed(self, worker: bytes, message: Failed) -> None:
        if self._start is None or message.run != self._start.run:
            return
        if message.batch == 0:
            self.trouble = message.reason
        else:
            self.assignments.fail(worker, message.batch, message.reason)

    def _forget_batches(self) -> None:
        self.assignments.clear()
        self.batches.clear()

    def _log_lost(self, member: Member) -> None:
        if member.holds:
            sentence = "An inference worker is silent; its batches are given again."
            self._log(logging.WARNING, "worker_silent", sentence, member.name, batches=len(member.holds))
        else:
            self._log(logging.INFO, "worker_gone", "An inference worker is gone.", member.name)

    def _log(self, level: int, what: str, sentence: str, worker: str, **fields: object) -> None:
        logger.log(
            level, sentence, extra={"what": what, "run": self._run, "stage": "infer", "worker": worker, **fields}
        )
