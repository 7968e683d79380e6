"""Following the clock and the background on empty periods, compiled (specification A.7 step 2, B.3 steps 3 and 4)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from acquisition.event import BINS_PER_TICK
from acquisition.templates import FAST, Doubles, Flags, Floats, Watched, dark_rows, first_of_period

MEMORY_PERIODS = 2048
"""Empty periods with samples in a bin after which what was there before has faded to 1/e."""
NOISE_GAIN = 0.01
PHASE_GAIN = 0.3
LOCK_LIMIT_TICKS = 0.5


class Model(NamedTuple):
    """What is known of the empty stream; the arrays change in place as it is followed.

    Attributes
    ----------
    level
        `(n_channels, n_bins)` background, counts; bin b lies (b + 1/2) / `BINS_PER_TICK` ticks into the period.
    seen
        `(n_channels, BINS_PER_TICK)` periods that the bins with this remainder rest on, up to `MEMORY_PERIODS`.
    place
        `(BINS_PER_TICK,)` where within these bins the watched channel's samples usually lie, 0 to 1.
    noise
        `(n_channels,)` standard deviation of a sample about its level, counts.
    offsets
        `(n_channels, n_cores)` converter offsets, counts.
    active
        `(n_bins,)` phases that the score counts.
    clock
        Tick at which the next period begins, length of a period, 1 if locked, last phase error: all in ticks.
    score
        Median and spread of the scores of empty periods, counts.
    """

    level: Floats
    seen: Doubles
    place: Doubles
    noise: Floats
    offsets: Doubles
    active: Flags
    clock: Doubles
    score: Doubles


class Fold(NamedTuple):
    """Periods of one channel laid over each other.

    Attributes
    ----------
    sums
        `(BINS_PER_TICK, n)` sums of the samples, counts; row q holds every `BINS_PER_TICK`th bin from q on.
    periods, places
        `(BINS_PER_TICK,)` periods in each row, and the sum of the places of their samples within the bins.
    """

    sums: Floats
    periods: Doubles
    places: Doubles


def new_fold(span: tuple[int, int]) -> Fold:
    """Return an empty fold for the bins of `span`, whose first is a multiple of `BINS_PER_TICK`."""
    n = max(1, math.ceil((span[1] - span[0]) / BINS_PER_TICK))
    return Fold(np.zeros((BINS_PER_TICK, n), np.float32), np.zeros(BINS_PER_TICK), np.zeros(BINS_PER_TICK))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def fold_periods(
    watched: Watched, origin_tick: float, period_ticks: float, first_bin: int, offsets: Doubles, take: Flags, fold: Fold
) -> None:
    """Set `fold` to the periods with `take` set, of those from `origin_tick` on; `offsets` are the channel's."""
    sums, periods, places = fold
    sums[:] = 0.0
    periods[:] = 0.0
    places[:] = 0.0
    flat, n_channels = watched.flat, watched.n_channels
    n = sums.shape[1]
    cores = offsets.shape[0]
    dark = dark_rows(offsets, n)
    for k in range(take.shape[0]):
        if not take[k]:
            continue
        begin = origin_tick + k * period_ticks
        first, q = first_of_period(begin, first_bin)
        periods[q] += 1.0
        places[q] += (first - begin) * BINS_PER_TICK - first_bin - q
        start = first - watched.first_tick
        core = first % cores
        if n_channels == 1:
            for i in range(n):
                sums[q, i] += np.float32(flat[np.uint64(start + i)]) - dark[core, i]
        else:
            place = start * n_channels + watched.channel
            for i in range(n):
                sums[q, i] += np.float32(flat[np.uint64(place + i * n_channels)]) - dark[core, i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def phase_error(fold: Fold, first_bin: int, level: Floats, usual_place: Doubles) -> float:
    """Shift of a folded frame against the background `(n_bins,)`, ticks, by least squares on the background's slope.

    Where the stream meets the bins at a few fixed places, it is only the difference of its places from the usual
    ones that shows a clock on the move. A gain common to all bins is fitted with the shift, so that a brighter laser
    is not taken for a later one. Positive: the stream is later than the background.
    """
    square = cross = power = slope_part = level_part = 0.0
    n_bins = level.shape[0]
    for q in range(BINS_PER_TICK):
        count = fold.periods[q]
        if count == 0.0:
            continue
        moved = fold.places[q] / count - usual_place[q]
        for i in range(fold.sums.shape[1]):
            b = first_bin + q + i * BINS_PER_TICK
            if b >= n_bins:
                continue
            slope = 0.5 * (level[b + 1 if b + 1 < n_bins else 0] - level[b - 1])
            residual = fold.sums[q, i] / count - level[b] - slope * moved
            square += count * slope * slope
            cross += count * slope * level[b]
            power += count * level[b] * level[b]
            slope_part += count * slope * residual
            level_part += count * level[b] * residual
    # The normal equations of residual = shift * slope + gain * level, bins weighted by their counts.
    determinant = square * power - cross * cross
    if determinant <= 1e-9 * square * power:
        return 0.0
    shift = (power * slope_part - cross * level_part) / determinant
    gain = (square * level_part - cross * slope_part) / determinant
    return -shift / (1.0 + gain) / BINS_PER_TICK


@numba.njit(cache=True, nogil=True)
def follow_level(fold: Fold, first_bin: int, level: Floats, seen: Doubles) -> None:
    """Let one channel's background drift towards a fold; bins that were never met before take it as it is."""
    for q in range(BINS_PER_TICK):
        count = fold.periods[q]
        if count == 0.0:
            continue
        gain = count / (min(seen[q], MEMORY_PERIODS) + count)
        seen[q] = min(seen[q] + count, MEMORY_PERIODS)
        for i in range(fold.sums.shape[1]):
            b = first_bin + q + i * BINS_PER_TICK
            if b < level.shape[0]:
                level[b] += gain * (fold.sums[q, i] / count - level[b])


@numba.njit(cache=True, nogil=True)
def follow_place(fold: Fold, seen: Doubles, usual_place: Doubles) -> None:
    """Let the usual places within the bins drift likewise; `seen` as it was before the level followed."""
    for q in range(BINS_PER_TICK):
        count = fold.periods[q]
        if count > 0.0:
            gain = count / (min(seen[q], MEMORY_PERIODS) + count)
            usual_place[q] += gain * (fold.places[q] / count - usual_place[q])


@numba.njit(cache=True, nogil=True)
def follow_noise(scores: Floats, quiet: Flags, score: Doubles) -> None:
    """Let median and spread of the scores drift towards those of the quiet periods of a frame."""
    values = scores[quiet]
    median = np.median(values)
    sigma = max(1.4826 * np.median(np.abs(values - median)), 1e-6)
    score[0] += NOISE_GAIN * (median - score[0])
    score[1] += NOISE_GAIN * (sigma - score[1])


@numba.njit(cache=True, nogil=True)
def correct_clock(clock: Doubles, error_ticks: float, n_periods: int) -> None:
    """Turn a clock (`Model.clock`) by a phase error measured `n_periods` after the last one.

    A second-order loop with critical damping: the period gain is a quarter of the squared phase gain. Source:
    specification B.3, step 3.
    """
    clock[2] = 1.0 if abs(error_ticks) < LOCK_LIMIT_TICKS else 0.0
    clock[3] = error_ticks
    step = min(max(error_ticks, -LOCK_LIMIT_TICKS), LOCK_LIMIT_TICKS)
    clock[0] += PHASE_GAIN * step
    clock[1] += 0.25 * PHASE_GAIN * PHASE_GAIN * step / n_periods
