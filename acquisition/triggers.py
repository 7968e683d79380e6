"""Triggers in a stream of scores: a threshold with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.folding import Doubles, Floats


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
        Highest score, above that of empty periods.
    """

    start: int
    stop: int
    centre: float
    peak: float


class TriggerState(NamedTuple):
    """A search for triggers as the kernels take it; the arrays change in place.

    Attributes
    ----------
    periods
        `(2,)` first and last period of the trigger that has not ended yet, -1 if there is none.
    sums
        `(3,)` its weight, moment and peak.
    found
        `(n + 1, 4)`: the first row holds how many triggers ended, the others start, stop, centre and peak of each.
    lengths
        `shortest`, `bridge` and `limit` of `TriggerFinder`.
    """

    periods: npt.NDArray[np.int64]
    sums: Doubles
    found: Doubles
    lengths: tuple[int, int, int]


class TriggerFinder:
    """Streams scores into triggers.

    A trigger begins where the score passes `on`, ends once it has stayed below `off` for `bridge` periods or has
    lasted `limit` periods, and counts only if it lasted `shortest` periods.

    Parameters
    ----------
    shortest, bridge, limit
        As above, periods.
    most
        Scores that are pushed at a time.
    """

    def __init__(self, shortest: int, bridge: int, limit: int, most: int) -> None:
        self.state = TriggerState(
            np.full(2, -1, np.int64), np.zeros(3), np.zeros((most + 2, 4)), (shortest, bridge, limit)
        )

    @property
    def open_since(self) -> int | None:
        """First period of the trigger that has not ended yet."""
        start = int(self.state.periods[0])
        return start if start >= 0 else None

    @property
    def found(self) -> list[Trigger]:
        """The triggers that ended with the last scores."""
        rows = self.state.found[1 : int(self.state.found[0, 0]) + 1].tolist()
        return [Trigger(int(start), int(stop), centre, peak) for start, stop, centre, peak in rows]

    def push(self, first_period: int, scores: Floats, base: float, on: float, off: float) -> list[Trigger]:
        """Take the scores of the periods from `first_period` on; return the triggers that ended."""
        push_scores(self.state, first_period, scores, base, on, off)
        return self.found

    def flush(self) -> list[Trigger]:
        """End the trigger that is open, if any."""
        self.state.found[0, 0] = 0.0
        _end_trigger(self.state)
        return self.found


@numba.njit(cache=True, nogil=True)
def push_scores(state: TriggerState, first_period: int, scores: Floats, base: float, on: float, off: float) -> None:
    """Take the scores of the periods from `first_period` on; `state.found` has the triggers that ended."""
    _, bridge, limit = state.lengths
    periods, sums = state.periods, state.sums
    state.found[0, 0] = 0.0
    if periods[0] < 0:
        above = 0
        for k in range(scores.shape[0]):
            above += scores[k] > on
        if above == 0:
            return
    for k in range(scores.shape[0]):
        score, period = scores[k], first_period + k
        if score > (on if periods[0] < 0 else off):
            if periods[0] < 0:
                periods[0] = period
                sums[:] = 0.0
            periods[1] = period
            sums[0] += score - base
            sums[1] += (score - base) * (period + 0.5)
            sums[2] = max(sums[2], score - base)
            if period + 1 - periods[0] >= limit:
                _end_trigger(state)
        elif periods[0] >= 0 and period - periods[1] > bridge:
            _end_trigger(state)


@numba.njit(cache=True, nogil=True)
def _end_trigger(state: TriggerState) -> None:
    start, stop = state.periods[0], state.periods[1] + 1
    state.periods[0] = -1
    if start < 0 or stop - start < state.lengths[0]:
        return
    row = int(state.found[0, 0]) + 1
    state.found[0, 0] = row
    state.found[row, 0] = start
    state.found[row, 1] = stop
    state.found[row, 2] = state.sums[1] / state.sums[0]
    state.found[row, 3] = state.sums[2]
