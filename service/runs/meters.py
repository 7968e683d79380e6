"""How long stages take and how often things happen, measured as they run; monotonic clocks only."""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np
import numpy.typing as npt

from inference.finished import Finished
from service.status import BUCKETS_S, Latency, Stage

_WINDOW_S = 5.0
_BATCHES_AT_ONCE = 64
_FINE_S = np.geomspace(1e-5, 1e2, 7 * 40 + 1)
_EDGES_S = np.union1d(_FINE_S, BUCKETS_S)
"""Bins 6 % wide, so that a quantile read from them is off by 6 % at most."""
_AT_BUCKETS = np.searchsorted(_EDGES_S, BUCKETS_S)


class LatencyMeter:
    """Durations of one stage, counted in bins since the run began, and the longest with its event."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = np.zeros(len(_EDGES_S) + 1, np.int64)
        self._sum_s = 0.0
        self._longest_s = 0.0
        self._longest_event = 0

    def add(self, durations_s: npt.NDArray[np.float64], event_id: npt.NDArray[np.uint64]) -> None:
        """Enter the durations of some events, `(n,)` seconds, and their ids, `(n,)`."""
        if not len(durations_s):
            return
        # A duration that lies on an edge belongs below it: Prometheus counts what is at most `le`.
        bins = np.bincount(np.searchsorted(_EDGES_S, durations_s), minlength=len(self._counts))
        worst = int(np.argmax(durations_s))
        with self._lock:
            self._counts += bins
            self._sum_s += float(durations_s.sum())
            if durations_s[worst] > self._longest_s:
                self._longest_s, self._longest_event = float(durations_s[worst]), int(event_id[worst])

    def summary(self) -> Latency:
        """Return quantiles, longest and buckets since the run began."""
        with self._lock:
            counts, total_s = self._counts.copy(), self._sum_s
            longest_s, longest_event = self._longest_s, self._longest_event
        below = np.cumsum(counts)
        p50, p99, p999 = (min(_quantile_s(below, share), longest_s) * 1e3 for share in (0.5, 0.99, 0.999))
        return Latency(
            count=int(below[-1]),
            p50_ms=p50,
            p99_ms=p99,
            p999_ms=p999,
            max_ms=longest_s * 1e3,
            max_event_id=longest_event,
            sum_s=total_s,
            buckets=tuple(below[_AT_BUCKETS].tolist()),
        )


def _quantile_s(below: npt.NDArray[np.int64], share: float) -> float:
    """Duration that a share of all durations is not longer than; 0 before the first."""
    rank = share * below[-1]
    bin_ = int(np.searchsorted(below, rank))
    if not below[-1] or bin_ >= len(_EDGES_S):
        return float(_EDGES_S[-1]) if below[-1] else 0.0
    before = below[bin_ - 1] if bin_ else 0
    low = _EDGES_S[bin_ - 1] if bin_ else 0.0
    return float(low + (_EDGES_S[bin_] - low) * (rank - before) / (below[bin_] - before))


class StageMeters:
    """How long the events of a run took in every stage, from their last sample in memory to stored."""

    def __init__(self) -> None:
        self._meters = {stage: LatencyMeter() for stage in Stage}
        self._lock = threading.Lock()
        self._ids: list[npt.NDArray[np.uint64]] = []
        self._times: list[npt.NDArray[np.float64]] = []

    def add(self, finished: Finished, stored: npt.NDArray[np.bool_]) -> None:
        """Enter those events of a batch that are stored now; the four stages of each add up to its total.

        Parameters
        ----------
        finished
            The batch; its stamps are when each event was in memory, and when it was found.
        stored
            `(n,)`, which events of `finished.images` are in the run folder.
        """
        images = finished.images
        times = np.empty((len(images), 6))
        times[:, :2] = finished.stamps_s
        times[:, 2:5] = finished.submitted_s, finished.answered_s, time.monotonic()
        times[:, 5] = images.is_cell
        with self._lock:
            self._ids.append(images.event_id[stored])
            self._times.append(times[stored])
            if len(self._ids) >= _BATCHES_AT_ONCE:
                self._count()

    def summary(self) -> dict[str, Latency]:
        """Return what was measured, by stage."""
        with self._lock:
            self._count()
        return {stage.value: meter.summary() for stage, meter in self._meters.items()}

    def _count(self) -> None:
        """Count many batches, which takes little longer than one."""
        if not self._ids:
            return
        ids, times = np.concatenate(self._ids), np.concatenate(self._times)
        self._ids, self._times = [], []
        arrived, found, submitted, answered, stored, is_cell = times.T
        cells = is_cell > 0
        self._meters[Stage.DETECT].add(found - arrived, ids)
        self._meters[Stage.TRANSFORM].add(submitted - found, ids)
        self._meters[Stage.INFER].add((answered - submitted)[cells], ids[cells])
        self._meters[Stage.STORE].add(stored - answered, ids)
        self._meters[Stage.TOTAL].add(stored - arrived, ids)


class RateMeter:
    """How many per second over the last five seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_s = time.monotonic()
        self._slots: deque[tuple[float, int]] = deque()

    def restart(self) -> None:
        """Count from now on."""
        with self._lock:
            self._began_s = time.monotonic()
            self._slots.clear()

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
