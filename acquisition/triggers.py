"""Triggers in a stream of scores: a threshold with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass

from acquisition.folding import Floats


@dataclass(frozen=True, slots=True)
class Trigger:
    """Consecutive periods whose score stands out.

    Attributes
    ----------
    start, stop
        First period and the period after the last.
    centre
        Score-weighted mean of period + 1/2.
    peak
        Highest score.
    """

    start: int
    stop: int
    centre: float
    peak: float


class TriggerFinder:
    """Streams scores into triggers.

    A trigger begins where the score passes `on`, ends once it has stayed below `off` for `bridge` periods or has
    lasted `limit` periods, and counts only if it lasted `shortest` periods.
    """

    def __init__(self, shortest: int, bridge: int, limit: int) -> None:
        self._shortest = shortest
        self._bridge = bridge
        self._limit = limit
        self._start = -1
        self._last = -1
        self._weight = 0.0
        self._moment = 0.0
        self._peak = 0.0

    @property
    def open_since(self) -> int | None:
        """First period of the trigger that has not ended yet."""
        return self._start if self._start >= 0 else None

    def push(self, first_period: int, scores: Floats, base: float, on: float, off: float) -> list[Trigger]:
        """Take the scores of the periods from `first_period` on; return the triggers that ended."""
        found: list[Trigger] = []
        for k, score in enumerate(scores.tolist()):
            period = first_period + k
            if score > (on if self._start < 0 else off):
                self._grow(period, score - base)
                if period + 1 - self._start >= self._limit:
                    found += self.flush()
            elif self._start >= 0 and period - self._last > self._bridge:
                found += self.flush()
        return found

    def flush(self) -> list[Trigger]:
        """End the trigger that is open, if any."""
        start, stop = self._start, self._last + 1
        self._start = -1
        if start < 0 or stop - start < self._shortest:
            return []
        return [Trigger(start, stop, self._moment / self._weight, self._peak)]

    def _grow(self, period: int, score: float) -> None:
        if self._start < 0:
            self._start, self._weight, self._moment, self._peak = period, 0.0, 0.0, 0.0
        self._last = period
        self._weight += score
        self._moment += score * (period + 0.5)
        self._peak = max(self._peak, score)
