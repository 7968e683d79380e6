"""How long stages take and how often things happen, measured as they run; monotonic clocks only."""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np

from service.status import Latency

_RECENT = 4096
_WINDOW_S = 5.0


class LatencyMeter:
    """Durations of one stage: recent ones for percentiles, the longest for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._count = 0
        self._longest_s = 0.0
        self._longest_event = 0

    def add(self, duration_s: float, event_id: int = 0) -> None:
        """Enter a duration, and the first event that it belongs to."""
        with self._lock:
            self._count += 1
            self._recent.append(duration_s)
            if duration_s > self._longest_s:
                self._longest_s, self._longest_event = duration_s, event_id

    def summary(self) -> Latency:
        """Return the percentiles of the recent durations."""
        with self._lock:
            recent = np.array(self._recent or [0.0]) * 1e3
            p50, p99 = np.percentile(recent, [50, 99])
            return Latency(
                count=self._count,
                p50_ms=float(p50),
                p99_ms=float(p99),
                max_ms=self._longest_s * 1e3,
                max_event_id=self._longest_event,
            )


class RateMeter:
    """How many per second over the last five seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_s = time.monotonic()
        self._slots: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """Enter that many, now."""
        now = time.monotonic()
        with self._lock:
            # Slots of a quarter of a second keep the memory flat at any rate.
            if self._slots and now - self._slots[-1][0] < 0.25:
                began, so_far = self._slots[-1]
                self._slots[-1] = (began, so_far + count)
            else:
                self._slots.append((now, count))
            self._forget(now)

    def rate_hz(self) -> float:
        """Return the rate."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            span = min(_WINDOW_S, now - self._began_s)
            return sum(count for _, count in self._slots) / max(span, 0.25)

    def _forget(self, now: float) -> None:
        while self._slots and now - self._slots[0][0] > _WINDOW_S:
            self._slots.popleft()
