"""Raw windows into the run folder, in a thread of their own: neither images nor decisions wait for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from service.errors import StorageError
from service.runs.edge import Edge, Policy

WAITING = 256
"""Events."""
_MOST_AT_ONCE = 64


class WindowWriter:
    """Writes the windows of events that it is given, and tells who stores cells whether theirs are there.

    States: new -> `run` -> `close` (what was given is still written) -> over, when `run` returns. One thread gives
    events, in the order of their ids, one runs, and any may ask.

    Parameters
    ----------
    write
        Writes the windows of some events, or raises `StorageError`.
    refused
        Told which events the disk did not take, and why.
    """

    def __init__(
        self, write: Callable[[Sequence[Event]], None], refused: Callable[[Sequence[Event], StorageError], None]
    ) -> None:
        self._write = write
        self._tell = refused
        self._events: Edge[Event] = Edge(WAITING, Policy.WAIT)
        self._changed = threading.Condition()
        self._last = 0
        """Id of the last event whose window is written or refused."""
        self._refused: set[int] = set()
        self._over = False

    def put(self, events: Sequence[Event]) -> None:
        """Give events; waits while too many wait already."""
        self._events.put_all(events)

    def close(self) -> None:
        """Let no more events in."""
        self._events.close()

    def run(self) -> None:
        """Write until `close`; the more wait, the more are written at once."""
        try:
            while events := self._events.take(_MOST_AT_ONCE):
                self._write_some(events)
        finally:
            # After a fault, nobody waits for room or for a window.
            self._events.abort()
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def written(self, event_id: npt.NDArray[np.uint64]) -> bool:
        """Wait until it is known what became of the windows of these events; True if all of them are written."""
        last = int(event_id.max())
        with self._changed:
            self._changed.wait_for(lambda: self._last >= last or self._over)
            return self._last >= last and self._refused.isdisjoint(event_id.tolist())

    def _write_some(self, events: Sequence[Event]) -> None:
        refused: set[int] = set()
        try:
            self._write(events)
        except StorageError as error:
            refused = {event.event_id for event in events}
            self._tell(events, error)
        with self._changed:
            self._last = events[-1].event_id
            self._refused |= refused
            self._changed.notify_all()
