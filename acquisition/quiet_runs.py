"""Looking at few periods of a frame: between runs of quiet ones that end every trigger, none that counts has room.

A trigger ends where `bridge` + 1 periods in a row are quiet, and counts only if it lasted `shortest` periods. So where
less than `shortest` periods lie between two such runs, whatever is in them gives no event, and need not be looked at.
"""

from __future__ import annotations

import math

import numba

from acquisition.scoring import Steps, compare_bytes, find_places, take_scores
from acquisition.templates import Floats, Templates, Watched


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def certainly_quiet(
    watched: Watched, origin_tick: float, period_ticks: float, templates: Templates, steps: Steps, scores: Floats,
    off: float, shortest: int, bridge: int,
) -> int:  # fmt: skip
    """Return how many periods of a frame are known to be quiet, if no trigger in it counts; 0 if that is not known.

    Only periods of one channel of 8 bits, which keep to their clock, are looked at.

    No trigger is open where the frame begins, and if the answer is not 0, none is where it ends.

    Parameters
    ----------
    watched, origin_tick, period_ticks, templates, steps
        As in `score_periods`.
    scores
        `(n,)` of the frame, overwritten.
    off
        Score up to which a period is quiet.
    shortest, bridge
        As in `TriggerFinder`, periods.
    """
    n, run = scores.shape[0], bridge + 1
    # Of runs as long as triggers none could be left out.
    if shortest <= run or n < run or templates.slope.shape[0] > 0:
        return 0
    if watched.flat.itemsize != 1 or watched.n_channels != 1:
        return 0
    # Whatever is taken out of a tuple or cut out of an array is counted, which in the loop takes as long as the scores.
    flat, small, square, n_active = watched.flat, templates.small, templates.square, templates.n_active
    places, sums, part = steps.places[:, :run], steps.sums[:, :run], scores[:run]
    rows, first_bin, cores = steps.places[1, :run], templates.first_bin, templates.base.shape[0]
    tick, jump = math.floor(origin_tick), int(n * period_ticks)
    begin, at = origin_tick - tick, tick - watched.first_tick
    since = quiet = 0
    while since < n:
        stop = min(since + shortest - 1 + run, n)
        last = stop == n
        while True:
            first = stop - run
            if first < since and not last:
                return 0
            find_places(begin, tick, period_ticks, first, first_bin, cores, places)
            compare_bytes(flat, at, jump, small, places, sums)
            take_scores(square, n_active, rows, sums, part)
            loud = run - 1
            while loud >= 0 and part[loud] <= off:
                loud -= 1
            if loud < 0:
                break
            if last:
                return 0
            # The run may as well end before what stands out.
            stop = first + loud
        quiet += stop - max(first, since)
        since = stop
    return quiet
