"""When samples came into memory: a bounded memory of the last blocks, asked for the age of events."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left

import numpy as np
import numpy.typing as npt

from acquisition.event import Event

_MOST = 1 << 13
"""Blocks remembered, and some more for a moment: twice as many as may wait for detection, which looks back over few."""
_MORE = 1 << 10


class Arrivals:
    """Enters every block as it comes, and tells when the last sample of an event's window did; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: list[tuple[int, int]] = []
        self._came_s: list[float] = []

    def enter(self, epoch: int, end_sample: int) -> None:
        """Note that the samples before tick `end_sample` are in memory now."""
        now = time.monotonic()
        with self._lock:
            self._ends.append((epoch, end_sample))
            self._came_s.append(now)
            if len(self._ends) >= _MOST + _MORE:
                del self._ends[:_MORE], self._came_s[:_MORE]

    def of(self, events: list[Event]) -> npt.NDArray[np.float64]:
        """Return when the last sample of each event's window came, `(n,)` seconds on `time.monotonic`.

        A window that reaches beyond the stream was complete with the stream's last sample.
        """
        with self._lock:
            if not self._ends:
                return np.full(len(events), time.monotonic())
            last = len(self._ends) - 1
            rows = [bisect_left(self._ends, (e.epoch, e.window_tick + len(e.window))) for e in events]
            return np.array([self._came_s[min(row, last)] for row in rows])
