"""Gives batches to workers and their answers back in event order, whatever becomes of the workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import zmq

from acquisition.event import Event
from inference.address import checked_address, is_inproc
from inference.conversation import Conversation
from inference.errors import TransportError
from inference.finished import Finished, Stamps, WorkerView
from inference.keys import ServiceKeys
from inference.messages import Answers, Batch, Message, Start, Windows
from inference.router import Context, Letter, Router
from inference.worker import Worker
from reconstruction.images import CellImages


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
        self._talk = Conversation(silence_s)
        self._router = Router(self.context, address, self._take, self._outgoing, None if is_inproc(address) else keys)
        self._here: Worker | None = None

    def open(self) -> None:
        """Bind the address and begin to listen; raises `TransportError` if it is taken."""
        self.address = self._router.open()

    def begin(self, start: Start, channels: Sequence[str]) -> None:
        """Announce a run to the workers that are there or join later; its batches carry the images of `channels`."""
        with self._changed:
            self._talk.begin(start, channels)
        self._router.first = bool(start.first)
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
            while sum(member.credit > 0 for member in self._talk.members) < workers:
                if self._talk.trouble:
                    raise TransportError(self._talk.trouble)
                if not self._wait_until(deadline):
                    raise TransportError(
                        f"No inference worker was ready within {timeout_s:.0f} s; "
                        f"start one with 'lightline worker --connect {self.address}'."
                    )

    def refuse(self, sentence: str) -> None:
        """End `wait_ready` of the run that has begun with a `TransportError` that says why."""
        with self._changed:
            self._talk.trouble = sentence
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
            number = self._talk.add(images, cells, stamps_s, events)
            if not len(cells):
                self._changed.notify_all()
                return True
            given = None
            if at_once and self._here is not None and self.unanswered == 1:
                given = self._talk.give_to(self._here.name, number)
        if given is None or not self._answered_here(*given):
            self._router.wake()
        return True

    def results(self, timeout_s: float = 0.1) -> list[Finished]:
        """Return the next finished batches, in the order they were submitted; wait up to `timeout_s` for the first."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._talk.batches.done:
                if not self._wait_until(deadline):
                    return []
            done = self._talk.batches.take_done()
            self._changed.notify_all()
        return done

    def lost(self, name: str) -> None:
        """Give the work of a worker again at once, because who started it knows that it is dead."""
        with self._changed:
            self._talk.assignments.let_go(name)
        self._router.wake()

    def abandon(self, reason: str) -> None:
        """Finish every open batch without an answer, because nobody waits for it any longer."""
        with self._changed:
            self._talk.abandon(reason)
            self._changed.notify_all()

    def end(self, reason: str, counts: Mapping[str, int]) -> None:
        """Tell every worker that the run is over; batches still open are forgotten."""
        with self._changed:
            self._talk.end(reason, counts)
        self._router.first = False
        self._router.wake()

    @property
    def open_batches(self) -> int:
        """Batches between `submit` and `results`."""
        return self._talk.batches.open

    @property
    def unanswered(self) -> int:
        """Those of them that no worker has answered."""
        return len(self._talk.batches.unanswered)

    @property
    def given_again(self) -> int:
        """Times that a batch of this run was given to a further worker."""
        return self._talk.assignments.given_again

    @property
    def ignored_answers(self) -> int:
        """Answers in this run that came late, twice, or for another run."""
        return self._talk.assignments.ignored_answers

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
                for m in self._talk.members
            ]

    def close(self) -> None:
        """Send every worker home and end the thread and the socket; waits for workers that share an own context."""
        with self._changed:
            self._talk.stop()
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
        with self._changed:
            self._talk.take(worker, message)
            self._changed.notify_all()

    def _outgoing(self) -> list[Letter]:
        """Return what is to be sent now; called by the router's thread."""
        with self._changed:
            letters = self._talk.outgoing()
            if self._talk.batches.done:
                self._changed.notify_all()
        return letters

    def _answered_here(self, worker: bytes, batch: Batch | Windows) -> bool:
        """Let the worker of this process answer its batch; False if it has to be given again."""
        assert self._here is not None
        reply = self._here.answer(batch)
        self._take(worker, reply)
        return isinstance(reply, Answers)

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
