"""Gives batches to workers and their answers back in event order, whatever becomes of the workers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import numpy as np
import zmq

from acquisition.event import Event
from inference.address import checked_address, is_inproc
from inference.assignments import Assignments
from inference.batches import Batches
from inference.errors import TransportError
from inference.finished import Finished, Stamps, WorkerView
from inference.handing import batch_for
from inference.keys import ServiceKeys
from inference.member import Member
from inference.messages import Answers, Batch, End, Failed, Heartbeat, Message, Ready, Start, Stop, Windows
from inference.results import CellResults
from inference.router import Context, Letter, Router
from inference.worker import Worker
from reconstruction.images import CellImages

logger = logging.getLogger("lightline.workers")


class Dispatcher:
    """The giving side of the transport.

    States: new -> `open` -> (`begin` -> `submit`, `results` -> `end`)* -> `close`. One thread submits and one takes
    results; the socket belongs to a thread of its own.

    Parameters
    ----------
    address
        `inproc://NAME` for threads of this process, `tcp://127.0.0.1:PORT` (or `*`) for other processes, and any other
        `tcp://` address with keys.
    context
        ZeroMQ context to share with workers that are threads; None makes one, and `close` then ends it.
    bound
        Most batches between `submit` and `results`.
    silence_s
        A worker that has work and is silent longer is given up, and its work given again.
    keys
        For a `tcp://` address: messages are encrypted, and only workers with a key that is in the folder join.
    """

    def __init__(
        self,
        address: str = "inproc://lightline",
        *,
        context: Context | None = None,
        bound: int = 16,
        silence_s: float = 10.0,
        keys: ServiceKeys | None = None,
    ) -> None:
        self.address = checked_address(address, encrypted=keys is not None)
        self.context: Context = context or zmq.Context()
        self.bound = bound
        self._owns_context = context is None
        self._changed = threading.Condition()
        self._assignments = Assignments(silence_s)
        self._router = Router(self.context, address, self._take, self._outgoing, None if is_inproc(address) else keys)
        self._batches = Batches()
        self._here: Worker | None = None
        self._letters: list[Letter] = []
        self._start: Start | None = None
        self._channels: tuple[str, ...] = ()
        self._trouble = ""

    def open(self) -> None:
        """Bind the address and begin to listen; raises `TransportError` if it is taken."""
        self.address = self._router.open()

    def begin(self, start: Start, channels: Sequence[str]) -> None:
        """Announce a run to the workers that are there or join later; its batches carry the images of `channels`."""
        with self._changed:
            self._forget_batches()
            self._assignments.given_again = self._assignments.ignored_answers = 0
            self._start, self._channels, self._trouble = start, tuple(channels), ""
            self._letters.extend((worker, start) for worker in self._assignments.members)
        self._router.wake()

    def wait_ready(self, timeout_s: float, workers: int = 1) -> None:
        """Wait until this many workers are warm.

        Raises
        ------
        TransportError
            If a worker cannot use the run's model, too few come in time, or `refuse` ends it.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while sum(member.credit > 0 for member in self._assignments.members.values()) < workers:
                if self._trouble:
                    raise TransportError(self._trouble)
                if not self._wait_until(deadline):
                    raise TransportError(
                        f"No inference worker was ready within {timeout_s:.0f} s; "
                        f"start one with 'lightline worker --connect {self.address}'."
                    )

    def refuse(self, sentence: str) -> None:
        """End `wait_ready` of the run that has begun with a `TransportError` that says why."""
        with self._changed:
            self._trouble = sentence
            self._changed.notify_all()

    def answered_by(self, worker: Worker) -> None:
        """Name a worker of this process that has joined, or will, and may be called where batches are submitted."""
        self._here = worker

    def submit(
        self,
        images: CellImages,
        stamps_s: Stamps | None = None,
        timeout_s: float = 0.0,
        events: Sequence[Event] = (),
        *,
        at_once: bool = False,
    ) -> bool:
        """Take a batch; wait up to `timeout_s` for room, and return False if there is none.

        Parameters
        ----------
        stamps_s
            Comes back with the answer: a row for each event, None for none.
        events
            What the images were made of, in any order: a worker that makes images itself is sent the windows where
            they are smaller. None for images alone.
        at_once
            Let a worker of this process (`answered_by`) answer before this returns, if no other batch is unanswered.
        """
        is_cell = images.is_cell
        cells = images if is_cell.all() else images.take(is_cell)
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self.open_batches >= self.bound:
                if not self._wait_until(deadline):
                    return False
            number = self._batches.add(images, cells, stamps_s, events)
            if not len(cells):
                self._finish(number, None, "")
                return True
            self._assignments.add(number)
            given = self._given_here(number) if at_once and self.unanswered == 1 else None
        if given is None or not self._answered_here(*given):
            self._router.wake()
        return True

    def results(self, timeout_s: float = 0.1) -> list[Finished]:
        """Return the next finished batches, in the order they were submitted; wait up to `timeout_s` for the first."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._batches.done:
                if not self._wait_until(deadline):
                    return []
            done = self._batches.take_done()
            self._changed.notify_all()
        return done

    def lost(self, name: str) -> None:
        """Give the work of a worker again at once, because who started it knows that it is dead."""
        with self._changed:
            self._assignments.let_go(name)
        self._router.wake()

    def abandon(self, reason: str) -> None:
        """Finish every open batch without an answer, because nobody waits for it any longer."""
        with self._changed:
            for number in list(self._batches.unanswered):
                self._assignments.close(number)
                self._finish(number, None, reason)

    def end(self, reason: str, counts: Mapping[str, int]) -> None:
        """Tell every worker that the run is over; batches still open are forgotten."""
        with self._changed:
            if self._start is not None:
                end = End(self._start.run, reason, dict(counts))
                self._letters.extend((worker, end) for worker in self._assignments.members)
            self._start = None
            self._forget_batches()
        self._router.wake()

    @property
    def open_batches(self) -> int:
        """Batches between `submit` and `results`."""
        return self._batches.open

    @property
    def unanswered(self) -> int:
        """Those of them that no worker has answered."""
        return len(self._batches.unanswered)

    @property
    def given_again(self) -> int:
        """Times that a batch of this run was given to a further worker."""
        return self._assignments.given_again

    @property
    def ignored_answers(self) -> int:
        """Answers in this run that came late, twice, or for another run."""
        return self._assignments.ignored_answers

    @property
    def malformed(self) -> int:
        """Messages refused since the dispatcher opened."""
        return self._router.malformed

    @property
    def refused(self) -> int:
        """Connections refused since the dispatcher opened, because they had no key that is known."""
        return self._router.refused

    def workers(self) -> list[WorkerView]:
        """Return the workers that have joined."""
        now = time.monotonic()
        with self._changed:
            return [
                WorkerView(m.name, m.provider, len(m.holds), m.answered, max(0.0, now - m.heard_s))
                for m in self._assignments.members.values()
            ]

    def close(self) -> None:
        """Send every worker home and end the thread and the socket; waits for workers that share an own context."""
        with self._changed:
            self._letters.extend((worker, Stop()) for worker in self._assignments.members)
        self._router.close()
        if self._owns_context:
            self.context.term()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, worker: bytes, message: Message) -> None:
        """Act on a worker's message; called by the router's thread, and by who submits."""
        now = time.monotonic()
        with self._changed:
            match message:
                case Ready():
                    self._join(worker, message, now)
                case Answers():
                    self._answered(worker, message, now)
                case Failed():
                    self._failed(worker, message)
                case Heartbeat():
                    self._letters.append((worker, Heartbeat(self._start.run if self._start else "")))
                case _:
                    raise TransportError("A worker sent what only a dispatcher may say.")
            if not self._assignments.hear(worker, now):
                # It was given up, or this dispatcher is newer than the worker: it may join again.
                self._assignments.join(worker, "", "", 0, now)
                self._letters.extend([(worker, self._start)] if self._start else [])
            self._changed.notify_all()

    def _outgoing(self) -> list[Letter]:
        """Return what is to be sent now; called by the router's thread."""
        with self._changed:
            now = time.monotonic()
            for member in self._assignments.expire(now).values():
                self._say_lost(member)
            for number, reason in self._assignments.given_up().items():
                self._finish(number, None, reason)
            letters, self._letters = self._letters, []
            for worker, number in self._assignments.give(now):
                windows = self._assignments.members[worker].windows
                letters.append((worker, self._message(number, windows=windows)))
        return letters

    def _message(self, number: int, *, windows: bool) -> Batch | Windows:
        """Return what a worker is sent of a batch, one that makes images itself with `windows`."""
        run = self._start.run if self._start else ""
        return batch_for(run, number, self._batches.unanswered[number], self._channels, windows)

    def _given_here(self, number: int) -> tuple[Worker, bytes, Batch | Windows] | None:
        """Give a batch to the worker of this process; return who that is and what it gets, None if it has no room."""
        here = self._here
        given = here and self._assignments.give_to(here.name, number, time.monotonic())
        return (here, given, self._message(number, windows=False)) if here and given else None

    def _answered_here(self, here: Worker, worker: bytes, batch: Batch | Windows) -> bool:
        """Let the worker of this process answer its batch; False if it has to be given again."""
        reply = here.answer(batch)
        self._take(worker, reply)
        return isinstance(reply, Answers)

    def _join(self, worker: bytes, message: Ready, now: float) -> None:
        warm = self._start is not None and message.run == self._start.run
        member = self._assignments.members.get(worker)
        if member is None or not member.name:
            self._say(logging.INFO, "worker_joined", "An inference worker joined.", message.worker)
        credit, windows = message.credit if warm else 0, bool(message.windows)
        self._assignments.join(worker, message.worker, message.provider, credit, now, windows=windows)
        if not warm and self._start is not None:
            self._letters.append((worker, self._start))

    def _say_lost(self, member: Member) -> None:
        if member.holds:
            sentence = "An inference worker is silent; its batches are given again."
            self._say(logging.WARNING, "worker_silent", sentence, member.name, batches=len(member.holds))
        else:
            self._say(logging.INFO, "worker_gone", "An inference worker is gone.", member.name)

    def _say(self, level: int, what: str, sentence: str, worker: str, **fields: object) -> None:
        run = self._start.run if self._start else ""
        logger.log(level, sentence, extra={"what": what, "run": run, "stage": "infer", "worker": worker, **fields})

    def _answered(self, worker: bytes, message: Answers, now: float) -> None:
        mine = self._start is not None and message.run == self._start.run
        pending = self._batches.unanswered.get(message.batch) if mine else None
        if pending is None:
            self._assignments.ignore(worker, message.batch if mine else 0, now)
        elif not np.array_equal(pending.cells.event_id, message.results.event_id):
            self._assignments.fail(worker, message.batch, "a worker answered for other events")
        elif self._assignments.answer(worker, message.batch, now):
            self._finish(message.batch, message.results, "")

    def _failed(self, worker: bytes, message: Failed) -> None:
        if self._start is None or message.run != self._start.run:
            return
        if message.batch == 0:
            self._trouble = message.reason
        else:
            self._assignments.fail(worker, message.batch, message.reason)

    def _finish(self, number: int, results: CellResults | None, error: str) -> None:
        self._batches.finish(number, results, error)
        self._changed.notify_all()

    def _forget_batches(self) -> None:
        self._assignments.clear()
        self._batches.clear()

    def _wait_until(self, deadline: float) -> bool:
        """Wait for a change; False when the time is over, or the transport's thread is dead."""
        if self._router.failure is not None:
            raise TransportError(
                f"The inference transport has failed ({self._router.failure}); start the service again."
            )
        left = deadline - time.monotonic()
        if left > 0:
            self._changed.wait(min(left, 1.0))
        return left > 0
