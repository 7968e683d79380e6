"""Scoring periods against the empty one, compiled: what is done to every sample of the stream."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK
from acquisition.prefetch import CACHE_LINE_BYTES, prefetch
from acquisition.products import AT_ONCE as PRODUCTS_AT_ONCE
from acquisition.products import departures
from acquisition.templates import FAST, Floats, SmallTemplates, Templates, Watched

Places = npt.NDArray[np.int32]

BRIGHTNESS_RANGE = 0.15
"""A laser does not flicker by more than this share; what dims a whole period further stands in the beam."""
SHIFT_RANGE_TICKS = 2.0
"""A trigger that jitters moves a line by a sample or two; what moves one further is no jitter."""
AT_ONCE = 64
"""Periods that go through each step together: a step of one alone would wait for the step before."""
AHEAD = 16
"""Periods between the one that is read and the one whose samples are asked for: the time that memory takes."""


class Steps(NamedTuple):
    """What the steps of scoring hand on, `AT_ONCE` periods at a time.

    Attributes
    ----------
    places
        `(3, AT_ONCE)`: first sample from the one that holds the first period's origin on, row of the templates, and
        row of their `base`.
    sums
        `(3, AT_ONCE)`: squared deviation from the template, and deviation along it and along its slope.
    """

    places: Places
    sums: Floats


def new_steps() -> Steps:
    """Return room for the steps."""
    return Steps(np.zeros((3, AT_ONCE), np.int32), np.zeros((3, AT_ONCE), np.float32))


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def score_periods(
    watched: Watched, origin_tick: float, period_ticks: float, templates: Templates, steps: Steps, scores: Floats
) -> None:
    """Fill `scores` with the rms deviation of each period from the background at its own brightness.

    The brightness is the least-squares gain of the background over the active phases, so that the noise of the
    laser from period to period does not count; beyond `BRIGHTNESS_RANGE` it does. Where the templates have a slope,
    each period is shifted likewise, up to `SHIFT_RANGE_TICKS`, so that the jitter of its trigger does not count.

    Parameters
    ----------
    watched
        Samples that hold every period whole, with `MARGIN_TICKS` more.
    steps
        Overwritten.
    scores
        `(n_periods,)` counts, for the periods from `origin_tick` on.
    """
    n = templates.level.shape[1]
    base = templates.base.reshape((-1, n))
    for k in range(0, scores.shape[0], AT_ONCE):
        part = scores[k : k + AT_ONCE]
        places, sums = steps.places[:, : part.shape[0]], steps.sums[:, : part.shape[0]]
        begin = origin_tick + k * period_ticks
        tick = math.floor(begin)
        find_places(begin - tick, tick, period_ticks, 0, templates.first_bin, templates.base.shape[0], places)
        first = tick - watched.first_tick
        jump = int(AHEAD * period_ticks)
        _compare(watched, first, jump, templates, base, places, sums)
        if templates.slope.shape[0] == 0:
            take_scores(templates.square, templates.n_active, places[1], sums, part)
            continue
        _compare_slopes(watched, first, templates.slope, templates.active, base, places, sums)
        if _follow_shifts(templates, places, sums):
            _compare(watched, first, jump, templates, base, places, sums)
            _compare_slopes(watched, first, templates.slope, templates.active, base, places, sums)
        _take_shifted_scores(templates, places[1], sums, part)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def find_places(
    begin: float, tick: int, period_ticks: float, number: int, first_bin: int, cores: int, places: Places
) -> None:
    """Fill `Steps.places` for periods from this number on, the first of all `begin` ticks after `tick`.

    See `first_of_period`.
    """
    starts, rows, bases = places[0], places[1], places[2]
    per_core, turn = 1.0 / cores, tick % cores
    lead = first_bin / BINS_PER_TICK
    for k in range(starts.shape[0]):
        at = begin + (number + k) * period_ticks + lead
        start = math.ceil(at)
        row = min(max(np.int32((start - at) * BINS_PER_TICK), np.int32(0)), np.int32(BINS_PER_TICK - 1))
        # The remainder of a division, without its forty cycles; it is whole, so that a half keeps it from the edges.
        core = np.int32(start + turn - cores * np.floor((start + turn + 0.5) * per_core))
        starts[k] = np.int32(start)
        rows[k] = row
        bases[k] = core * np.int32(BINS_PER_TICK) + row


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _compare(
    watched: Watched, first: int, jump: int, templates: Templates, base: Floats, places: Places, sums: Floats
) -> None:
    """Fill the first two rows of `Steps.sums`."""
    if watched.flat.itemsize == 1 and watched.n_channels == 1:
        compare_bytes(watched.flat, first, jump, templates.small, places, sums)
    elif watched.n_channels == 1:
        _compare_lines(watched.flat, first, jump, templates.level, templates.active, base, places, sums)
    else:
        _compare_columns(watched, first, templates.level, templates.active, base, places, sums)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def compare_bytes(flat: Samples, first: int, jump: int, small: SmallTemplates, places: Places, sums: Floats) -> None:
    """Fill `Steps.sums` from a stream of one channel of 8 bits; `jump` samples ahead are asked for."""
    n = small.mask.shape[0] // BINS_PER_TICK
    twice, step = 2.0 * small.units[0], small.units[1]
    for k in range(places.shape[1]):
        start, q, b = first + places[0, k], np.int64(places[1, k]), np.int64(places[2, k])
        for i in range(start + jump, start + jump + n + CACHE_LINE_BYTES - 1, CACHE_LINE_BYTES):
            prefetch(flat, i)
        square, along_rest, along = departures(
            flat, start, small.mask, small.level, q * n, small.whole, small.rest, b * n, n // PRODUCTS_AT_ONCE
        )
        sums[0, k] = square - twice * along_rest + small.known[0, b]
        sums[1, k] = step * along - small.known[1, b]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _compare_lines(
    flat: Samples, first: int, jump: int, level: Floats, active: Floats, base: Floats, places: Places, sums: Floats
) -> None:
    """Fill `Steps.sums` from a stream of one channel; `jump` samples ahead are asked for."""
    n = level.shape[1]
    stride = max(1, CACHE_LINE_BYTES // flat.itemsize)
    for k in range(places.shape[1]):
        start = first + places[0, k]
        at, q, b = np.uint64(start), np.uint64(places[1, k]), np.uint64(places[2, k])
        for i in range(start + jump, start + jump + n + stride - 1, stride):
            prefetch(flat, i)
        total = np.float32(0.0)
        along = np.float32(0.0)
        for i in range(n):
            away = np.float32(flat[at + np.uint64(i)]) * active[q, i] - base[b, i]
            total += away * away
            along += away * level[q, i]
        sums[0, k] = total
        sums[1, k] = along


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _compare_columns(
    watched: Watched, first: int, level: Floats, active: Floats, base: Floats, places: Places, sums: Floats
) -> None:
    """Fill `Steps.sums` from one of several channels."""
    flat, n_channels = watched.flat, watched.n_channels
    for k in range(places.shape[1]):
        q, b = np.uint64(places[1, k]), np.uint64(places[2, k])
        at = (first + places[0, k]) * n_channels + watched.channel
        total = np.float32(0.0)
        along = np.float32(0.0)
        for i in range(level.shape[1]):
            away = np.float32(flat[np.uint64(at + i * n_channels)]) * active[q, i] - base[b, i]
            total += away * away
            along += away * level[q, i]
        sums[0, k] = total
        sums[1, k] = along


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def take_scores(square: Floats, n_active: Floats, rows: Places, sums: Floats, scores: Floats) -> None:
    """Fill the scores from `Steps.sums`."""
    totals, alongs = sums[0], sums[1]
    for k in range(scores.shape[0]):
        q = np.uint64(rows[k])
        gain = alongs[k] / square[q]
        gain = min(max(gain, np.float32(-BRIGHTNESS_RANGE)), np.float32(BRIGHTNESS_RANGE))
        left = totals[k] - gain * (np.float32(2.0) * alongs[k] - gain * square[q])
        scores[k] = np.sqrt(max(left, np.float32(0.0)) / n_active[q])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _compare_slopes(
    watched: Watched, first: int, slope: Floats, active: Floats, base: Floats, places: Places, sums: Floats
) -> None:
    """Fill the last row of `Steps.sums`."""
    flat, n_channels, n = watched.flat, watched.n_channels, slope.shape[1]
    for k in range(places.shape[1]):
        q, b = np.uint64(places[1, k]), np.uint64(places[2, k])
        at = (first + places[0, k]) * n_channels + watched.channel
        along = np.float32(0.0)
        if n_channels == 1:
            for i in range(n):
                along += (np.float32(flat[np.uint64(at + i)]) * active[q, i] - base[b, i]) * slope[q, i]
        else:
            for i in range(n):
                along += (np.float32(flat[np.uint64(at + i * n_channels)]) * active[q, i] - base[b, i]) * slope[q, i]
        sums[2, k] = along


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _gain_and_shift(templates: Templates, q: np.uint64, along_level: float, along_slope: float) -> tuple[float, float]:
    """Brightness and shift, ticks, that fit a period best, by least squares, each within its range."""
    most_gain, most_shift = np.float32(BRIGHTNESS_RANGE), np.float32(SHIFT_RANGE_TICKS)
    level, slope, cross = templates.square[q], templates.steepness[0, q], templates.steepness[1, q]
    # Not zero: level and slope are alike in no light but one that grows as an exponential does.
    determinant = max(level * slope - cross * cross, np.float32(1e-6) * level * slope)
    gain = min(max((slope * along_level - cross * along_slope) / determinant, -most_gain), most_gain)
    return gain, min(max((along_slope - gain * cross) / slope, -most_shift), most_shift)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _follow_shifts(templates: Templates, places: Places, sums: Floats) -> bool:
    """Move `Steps.places` by whole ticks to where the periods are, so that little is left to the slope; True if any.

    A slope holds for a fraction of a tick, not for two. Periods that begin at once have no samples before them.
    """
    most = templates.first_bin // BINS_PER_TICK
    cores = templates.base.shape[0]
    moved = False
    for k in range(places.shape[1]):
        q = np.uint64(places[1, k])
        shift = _gain_and_shift(templates, q, sums[1, k], sums[2, k])[1]
        # Light that falls where the slope rises comes before its time.
        ticks = min(max(-int(np.rint(shift)), -most), most)
        if ticks != 0:
            core = (places[2, k] // BINS_PER_TICK + ticks) % cores
            places[0, k] += ticks
            places[2, k] = core * BINS_PER_TICK + places[1, k]
            moved = True
    return moved


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _take_shifted_scores(templates: Templates, rows: Places, sums: Floats, scores: Floats) -> None:
    """Fill the scores from `Steps.sums`, at the brightness and shift of each period."""
    for k in range(scores.shape[0]):
        q, along_level, along_slope = np.uint64(rows[k]), sums[1, k], sums[2, k]
        gain, shift = _gain_and_shift(templates, q, along_level, along_slope)
        along_slope -= gain * templates.steepness[1, q]
        left = sums[0, k] - gain * (np.float32(2.0) * along_level - gain * templates.square[q])
        left -= shift * (np.float32(2.0) * along_slope - shift * templates.steepness[0, q])
        scores[k] = np.sqrt(max(left, np.float32(0.0)) / templates.n_active[q])
