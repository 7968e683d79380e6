"""Begins the runs of a sequence, each when the one before it is over."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable

from acquisition.errors import LightlineError
from service.errors import RunStateError, UnknownSequence
from service.run import FinishReason, Run, RunRequest
from service.sequence import SequenceRequest, SequenceState, SequenceStatus

_REMEMBERED = 50


class Sequences:
    """One sequence at a time, and the last ones; from any thread. A restart forgets them all.

    Parameters
    ----------
    start
        Arms and starts a run, see `RunControl.start`.
    wait
        Waits until a run is over, see `RunControl.wait`.
    """

    def __init__(self, start: Callable[[RunRequest], Run], wait: Callable[[str], Run]) -> None:
        self._start = start
        self._wait = wait
        self._lock = threading.Lock()
        self._known: OrderedDict[str, SequenceStatus] = OrderedDict()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, request: SequenceRequest) -> SequenceStatus:
        """Begin with the first run, as `RunControl.start` does, and go on in the background.

        Raises
        ------
        RunStateError
            If a sequence is in progress, or the first run cannot be armed now.
        LightlineError
            Whatever speaks against the first run.
        """
        steps = request.steps()
        status = SequenceStatus(
            id=secrets.token_hex(6),
            name=request.name,
            state=SequenceState.RUNNING,
            steps=len(steps),
            pause_s=request.pause_s,
        )
        with self._lock:
            current = self._newest()
            if current is not None and not current.state.ended:
                raise RunStateError(
                    f"The sequence {current.id} is {current.state}; cancel it, or wait until it is over."
                )
            self._known[status.id] = status
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            self._cancelled = threading.Event()
        try:
            first = self._start(steps[0])
        except BaseException:
            with self._lock:
                del self._known[status.id]
            raise
        status = self._update(status.id, runs=(first.id,), next=_called(steps[1:]))
        args = (status.id, first, steps[1:], request.pause_s, self._cancelled)
        self._thread = threading.Thread(target=self._go_on, args=args, name="run-sequence", daemon=True)
        self._thread.start()
        return status

    def cancel(self, sequence_id: str) -> SequenceStatus:
        """Begin no other run of a sequence; the one in progress goes on, and is stopped for itself.

        Raises
        ------
        UnknownSequence
            If there is none of that id.
        RunStateError
            If it is over already.
        """
        with self._lock:
            status = self._of(sequence_id)
            if status.state.ended:
                raise RunStateError(f"The sequence {sequence_id} is {status.state}; only one in progress is cancelled.")
            self._cancelled.set()
        return self._update(sequence_id, state=SequenceState.CANCELLED)

    def status(self, sequence_id: str) -> SequenceStatus:
        """Return how far a sequence is; raises `UnknownSequence`."""
        with self._lock:
            return self._of(sequence_id)

    def all(self) -> list[SequenceStatus]:
        """Return the last sequences of this service, the newest first."""
        with self._lock:
            return list(reversed(self._known.values()))

    def newest(self) -> SequenceStatus | None:
        """Return the sequence in progress, otherwise the last one."""
        with self._lock:
            return self._newest()

    def end(self) -> None:
        """Begin no other run, ever; the service is closed."""
        current = self.newest()
        self._cancelled.set()
        if current is not None and not current.state.ended:
            self._update(current.id, state=SequenceState.CANCELLED)

    def join(self) -> None:
        """Wait until nothing goes on in the background; after `end`, and with no run in progress."""
        if self._thread is not None:
            self._thread.join()

    def _go_on(
        self, sequence_id: str, run: Run, left: list[RunRequest], pause_s: float, cancelled: threading.Event
    ) -> None:
        for place, request in enumerate([*left, None], start=1):
            ended = self._wait(run.id)
            if cancelled.is_set():
                return
            if (state := _how_it_ended(ended)) is not None:
                self._update(sequence_id, state=state, error=ended.error)
                return
            if request is None:
                break
            self._update(sequence_id, state=SequenceState.PAUSING)
            if cancelled.wait(pause_s):
                return
            self._update(sequence_id, state=SequenceState.RUNNING)
            try:
                run = self._start(request)
            except LightlineError as error:
                self._update(sequence_id, state=SequenceState.FAILED, error=str(error))
                return
            self._add(sequence_id, run.id, _called(left[place:]))
        self._update(sequence_id, state=SequenceState.DONE)

    def _newest(self) -> SequenceStatus | None:
        return next(reversed(self._known.values()), None)

    def _of(self, sequence_id: str) -> SequenceStatus:
        if sequence_id not in self._known:
            raise UnknownSequence(f"There is no sequence '{sequence_id[:40]}'; list them to see their ids.")
        return self._known[sequence_id]

    def _add(self, sequence_id: str, run_id: str, following: str) -> None:
        with self._lock:
            status = self._known[sequence_id]
            begun = {"runs": (*status.runs, run_id), "next": following}
            self._known[sequence_id] = status.model_copy(update=begun)

    def _update(self, sequence_id: str, **changes: object) -> SequenceStatus:
        with self._lock:
            status = self._known[sequence_id]
            if status.state is not SequenceState.CANCELLED:
                self._known[sequence_id] = status.model_copy(update=changes)
            return self._known[sequence_id]


def _called(left: list[RunRequest]) -> str:
    """Return what people call the first of these runs, otherwise its source."""
    return (left[0].name or left[0].source) if left else ""


def _how_it_ended(run: Run) -> SequenceState | None:
    """Return what a run's end makes of its sequence; None where the next one may begin."""
    if run.error is not None:
        return SequenceState.FAILED
    # Who stops the instrument does not expect it to start again by itself.
    return SequenceState.STOPPED if run.finish_reason is FinishReason.STOPPED else None
