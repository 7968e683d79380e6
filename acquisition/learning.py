"""Following the clock and the background on empty periods, compiled (specification A.7 step 2, B.3 steps 3 and 4)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from acquisition.event import BINS_PER_TICK
from acquisition.templates import FAST, Doubles, Flags, Floats, Watched, first_of_period

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
    begun = np.zeros((BINS_PER_TICK, cores))
    for k in range(take.shape[0]):
        if not take[k]:
            continue
        begin = origin_tick + k * period_ticks
        first, q = first_of_period(begin, first_bin)
        periods[q] += 1.0
        places[q] += (first - begin) * BINS_PER_TICK - first_bin - q
        begun[q, first % cores] += 1.0
        start, row = first - watched.first_tick, np.uint64(q)
        if n_channels == 1:
            at = np.uint64(start)
            for i in range(n):
                sums[row, np.uint64(i)] += np.float32(flat[at + np.uint64(i)])
        else:
            place = start * n_channels + watched.channel
            for i in range(n):
                sums[row, np.uint64(i)] += np.float32(flat[np.uint64(place + i * n_channels)])
    _take_offsets(begun, offsets, sums)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _take_offsets(begun: Doubles, offsets: Doubles, sums: Floats) -> None:
    """Subtract the converter's offsets `(n_cores,)` from sums of so many periods a row and core that begins them."""
    cores = offsets.shape[0]
    for q in range(begun.shape[0]):
        for turn in range(cores):
            dark = 0.0
            for core in range(cores):
                dark += begun[q, core] * offsets[(core + turn) % cores]
            part = np.float32(dark)
            for i in range(turn, sums.shape[1], cores):
                sums[np.uint64(q), np.uint64(i)] -= part


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def phase_error(fold: Fold, first_bin: int, level: Floats, usual_place: Doubles) -> float:
    """Shift of a folded frame against the background `(n_bins,)`, ticks, by least squares on the background's slope.

    Where the stream meets the bins at a few fixed places, it is only the difference of its places from the usual
    ones that shows a clock on the move. A gain common to all bins is fitted with the shift, so that a brighter laser
    is not taken for a later one. Positive: the stream is later than the background.
    """
    square = cross = power = slope_part = level_part = 0.0
    slopes = _slopes(level)
    for q in range(BINS_PER_TICK):
        count = fold.periods[q]
        if count == 0.0:
            continue
        moved = np.float32(fold.places[q] / count - usual_place[q])
        share, weight = np.float32(1.0 / count), np.float32(count)
        begin = first_bin + q
        for i in range(_rows_within(begin, fold.sums.shape[1], level.shape[0])):
            b = np.uint64(begin + i * BINS_PER_TICK)
            slope = slopes[b]
            residual = fold.sums[np.uint64(q), np.uint64(i)] * share - level[b] - slope * moved
            square += weight * slope * slope
            cross += weight * slope * level[b]
            power += weight * level[b] * level[b]
            slope_part += weight * slope * residual
            level_part += weight * level[b] * residual
    # The normal equations of residual = shift * slope + gain * level, bins weighted by their counts.
    determinant = square * power - cross * cross
    if determinant <= 1e-9 * square * power:
        return 0.0
    shift = (power * slope_part - cross * level_part) / determinant
    gain = (square * level_part - cross * slope_part) / determinant
    return -shift / (1.0 + gain) / BINS_PER_TICK


@numba.njit(cache=True, nogil=True)
def _slopes(level: Floats) -> Floats:
    """Change of a background `(n_bins,)` from bin to bin, by the bins on either side, around its end."""
    slopes = np.empty_like(level)
    n_bins = level.shape[0]
    half = np.float32(0.5)
    for b in range(1, n_bins - 1):
        at = np.uint64(b)
        slopes[at] = half * (level[at + np.uint64(1)] - level[at - np.uint64(1)])
    slopes[0] = half * (level[1] - level[n_bins - 1])
    slopes[n_bins - 1] = half * (level[0] - level[n_bins - 2])
    return slopes


@numba.njit(cache=True, nogil=True)
def _rows_within(begin: int, n: int, stop: int) -> int:
    """How many of n bins, `BINS_PER_TICK` apart and from `begin` on, lie before `stop`."""
    return max(0, min(n, (stop - begin + BINS_PER_TICK - 1) // BINS_PER_TICK))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def follow_level(fold: Fold, first_bin: int, level: Floats, seen: Doubles) -> None:
    """Let one channel's background drift towards a fold; bins that were never met before take it as it is."""
    for q in range(BINS_PER_TICK):
        count = fold.periods[q]
        if count == 0.0:
            continue
        gain = count / (min(seen[q], MEMORY_PERIODS) + count)
        seen[q] = min(seen[q] + count, MEMORY_PERIODS)
        keep, add = np.float32(1.0 - gain), np.float32(gain / count)
        for i in range(_rows_within(first_bin + q, fold.sums.shape[1], level.shape[0])):
            b = np.uint64(first_bin + q + i * BINS_PER_TICK)
            level[b] = keep * level[b] + add * fold.sums[np.uint64(q), np.uint64(i)]


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
