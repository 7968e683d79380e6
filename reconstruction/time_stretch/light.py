"""From counts to light: every sample of a view relative to the empty line and to its own pulse (specification B.3)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK
from acquisition.folding import PeriodGrid
from reconstruction.kriging import Doubles
from reconstruction.motion import FloatImage

DARKEST = 0.05
"""Phases whose background is below this share of the view's highest carry no image (specification B.3, step 4)."""
PULSE_RANGE = 0.15
"""Laser pulses differ by less than this share; ratios further from 1 belong to a cell."""
NEAR = 0.06
"""Of those, ratios this near to where most of them lie count for the energy of their pulse."""
LEAST_PULSE = 0.1
"""A line with less than this share of the usual light had no pulse."""
ECHO = 0.12
"""Light of this share of the highest level, where there should be none, is that of a second pulse."""

NAN = np.float32(np.nan)
LANES_AT_ONCE = 32
"""Loops of so many numbers, or of a multiple, are vectors to their end."""


class EmptyLine(NamedTuple):
    """An empty line by quarter of a tick and whole ticks after its start, `(BINS_PER_TICK, k)` float32.

    Attributes
    ----------
    level
        Counts; 0 where a line is too dark for an image.
    inverse
        1 / level; NaN where it is too dark.
    most
        Counts above which a sample holds more light than one pulse has.
    offsets
        Of the converter's cores, repeated; the sample at tick t has `offsets[t % cores + j]` j ticks later.
    cores
        Their number.
    first_squares, first_inverse
        `(BINS_PER_TICK, p)`: square of the level, and its inverse, about the first view; 0 where it is not or too dark.
    first_tick
        Whole ticks after the line's start that these begin at.
    """

    level: FloatImage
    inverse: FloatImage
    most: FloatImage
    offsets: FloatImage
    cores: int
    first_squares: FloatImage
    first_inverse: FloatImage
    first_tick: int


class Lit(NamedTuple):
    """A view in the lines: from the clock's start of a line to the view's middle, and how far it reaches, samples."""

    middle: float
    reach: float


@numba.njit(cache=True, nogil=True)
def empty_line(level: FloatImage, offsets: FloatImage, period: float, views: Doubles) -> EmptyLine:
    """Sort a background `(n_bins,)` by sample of a line; `views` `(v, 2)` are middles and reaches as in `Lit`."""
    n_bins, length = level.shape[0], math.ceil(period) + 2
    lit, of_first = np.zeros(n_bins, np.bool_), np.zeros(n_bins, np.bool_)
    highest, reach = np.float32(0.0), 0.0
    around = period * BINS_PER_TICK
    for v in range(views.shape[0]):
        first = ((views[v, 0] - views[v, 1]) * BINS_PER_TICK + 0.5) % around
        count = min(math.ceil(2 * views[v, 1] * BINS_PER_TICK), math.ceil(around))
        # Up to the end of the line, and from its start on.
        before = min(math.ceil(around - first), count)
        starts = (int(first), int(first + before - around))
        stops = (int(first) + before, int(first + before - around) + count - before)
        top = np.float32(0.0)
        for part in range(2):
            for b in range(starts[part], stops[part]):
                top = max(top, level[min(b, n_bins - 1)])
        for part in range(2):
            for b in range(starts[part], stops[part]):
                if level[min(b, n_bins - 1)] > np.float32(DARKEST) * top:
                    lit[min(b, n_bins - 1)] = True
                    if v == 0:
                        of_first[min(b, n_bins - 1)] = True
                        k = b - starts[part] + part * before
                        reach = max(reach, abs((k + 0.5) / BINS_PER_TICK - views[0, 1]))
        highest = max(highest, top)
    about = LANES_AT_ONCE * math.ceil((2.0 * reach + 4.0) / LANES_AT_ONCE)
    by_tick = EmptyLine(
        np.zeros((BINS_PER_TICK, length), np.float32),
        np.full((BINS_PER_TICK, length), NAN),
        np.empty((BINS_PER_TICK, length), np.float32),
        np.empty(max(length, about) + offsets.shape[0], np.float32),
        offsets.shape[0],
        np.zeros((BINS_PER_TICK, about), np.float32),
        np.zeros((BINS_PER_TICK, about), np.float32),
        math.floor(views[0, 0] - reach) - 1,
    )
    for q in range(BINS_PER_TICK):
        for k in range(length):
            b = min(BINS_PER_TICK * k + q, n_bins - 1)
            if lit[b]:
                by_tick.level[q, k] = level[b]
                by_tick.inverse[q, k] = np.float32(1.0) / level[b]
                by_tick.most[q, k] = np.float32(1.0 + PULSE_RANGE) * level[b]
            else:
                by_tick.most[q, k] = max(level[b], np.float32(0.0)) + np.float32(ECHO) * highest
        for j in range(about):
            b = BINS_PER_TICK * (by_tick.first_tick + j) + q
            if 0 <= b < n_bins and of_first[b]:
                by_tick.first_squares[q, j] = level[b] * level[b]
                by_tick.first_inverse[q, j] = np.float32(1.0) / level[b]
    for j in range(by_tick.offsets.shape[0]):
        by_tick.offsets[j] = offsets[j % offsets.shape[0]]
    return by_tick


@numba.njit(cache=True, nogil=True, inline="always")
def _stretch(tick: int, stop: int, grid: PeriodGrid) -> tuple[int, int, int]:
    """Quarter and whole ticks from the start of the clock's line to a tick, and where that line or the stretch ends."""
    begin = grid.origin_tick + math.floor((tick - grid.origin_tick) / grid.period_ticks) * grid.period_ticks
    k = math.floor(tick - begin)
    quarter = min(int((tick - begin - k) * BINS_PER_TICK), BINS_PER_TICK - 1)
    return quarter, k, max(tick + 1, min(stop, math.ceil(begin + grid.period_ticks)))


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _add_up(
    samples: Samples, at: int, offsets: FloatImage, core: int, level: FloatImage, most: FloatImage, k: int, n: int
) -> tuple[float, float]:
    """Of `n` samples of a line, from tick `k` on: light, weighted by the empty line's, and how many have too much."""
    light, over = np.float32(0.0), np.float32(0.0)
    start, first, tick = np.uint64(at), np.uint64(core), np.uint64(k)
    for i in range(n):
        j = np.uint64(i)
        value = np.float32(samples[start + j]) - offsets[first + j]
        light += value * level[tick + j]
        over += np.float32(1.0) if value > most[tick + j] else np.float32(0.0)
    return float(light), float(over)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _usual(level: FloatImage, period: float) -> tuple[float, float]:
    """Of an empty line, `level` `(k,)`: its light, weighted by itself, and the number of samples that are lit."""
    light, lit = np.float32(0.0), np.float32(0.0)
    for j in range(int(period)):
        light += level[j] * level[j]
        lit += np.float32(1.0) if level[j] > np.float32(0.0) else np.float32(0.0)
    return float(light), float(lit)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nnan", "nsz"})
def _mean_ratio(ratios: FloatImage, squares: FloatImage, about: float, width: float) -> tuple[float, float]:
    """Mean of the ratios near `about`, and the sum of their weights.

    The weights are those of the biweight (Beaton and Tukey 1974), and the inverse variances of the ratios.
    """
    scale = np.float32(1.0 / width)
    centre, total, weight = np.float32(about) * scale, np.float32(0.0), np.float32(0.0)
    for i in range(ratios.shape[0]):
        j = np.uint64(i)
        away = ratios[j] * scale - centre
        kept = max(np.float32(1.0) - away * away, np.float32(0.0))
        share = kept * kept * squares[j]
        total += share * ratios[j]
        weight += share
    return float(total / max(weight, np.float32(1e-30))), float(weight)


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _ratios(samples: Samples, at: int, offsets: FloatImage, core: int, inverse: FloatImage, ratios: FloatImage) -> None:
    """Write samples from a place on, offsets taken off, relative to the empty line; 0 beyond their ends."""
    n = ratios.shape[0]
    if at < 0 or at + n > samples.shape[0]:
        for i in range(n):
            inside = 0 <= at + i < samples.shape[0]
            ratios[i] = (np.float32(samples[at + i]) - offsets[core + i]) * inverse[i] if inside else np.float32(0.0)
        return
    start, first = np.uint64(at), np.uint64(core)
    for i in range(n):
        j = np.uint64(i)
        ratios[j] = (np.float32(samples[start + j]) - offsets[first + j]) * inverse[j]


@numba.njit(cache=True, nogil=True)
def _met(tick: int, begin: float) -> tuple[int, int]:
    """Quarter and whole ticks from the start of a line to a tick."""
    k = math.floor(tick - begin)
    return min(int((tick - begin - k) * BINS_PER_TICK), BINS_PER_TICK - 1), k


@numba.njit(cache=True, nogil=True, error_model="numpy")
def pulse_energies(
    samples: Samples, empty: EmptyLine, grid: PeriodGrid, first: Lit, first_line: int, n: int
) -> Doubles:
    """Energy of the pulses of `n` lines from `first_line` on, against the usual one, `(n,)`.

    It is where most ratios of the `first` view lie, near 1, which takes the laser's noise from pulse to pulse away, and
    1 where a cell covers most of the line. NaN where no image can be had: the line is not whole in the window, it had
    no pulse, or a second one came.
    """
    energies = np.full(n, np.nan)
    usual, lit = _usual(empty.level[0], grid.period_ticks)
    offsets, level, most, cores = empty.offsets, empty.level, empty.most, empty.cores
    first_tick, origin, period = grid
    whole = np.empty(BINS_PER_TICK)
    for q in range(BINS_PER_TICK):
        whole[q] = empty.first_squares[q].sum()
    end_tick, ratios = first_tick + samples.shape[0], np.empty(empty.first_squares.shape[1], np.float32)
    for i in range(n):
        middle = origin + (first_line + i) * period + first.middle
        start, stop = math.ceil(middle - first.reach), math.ceil(middle - first.reach + period)
        if start < first_tick or stop > end_tick:
            continue
        # Up to the end of the clock's line, and what is left of it in the next one.
        number = math.floor((start - origin) / period)
        begin, after = origin + number * period, origin + (number + 1) * period
        turn = min(math.ceil(after), stop)
        q, k = _met(start, begin)
        light, over = _add_up(samples, start - first_tick, offsets, start % cores, level[q], most[q], k, turn - start)
        if turn < stop:
            p, j = _met(turn, after)
            part = _add_up(samples, turn - first_tick, offsets, turn % cores, level[p], most[p], j, stop - turn)
            light, over = light + part[0], over + part[1]
        if light < LEAST_PULSE * usual or 2.0 * over >= lit:
            continue
        tick = start - k + empty.first_tick
        _ratios(samples, tick - first_tick, offsets, tick % cores, empty.first_inverse[q], ratios)
        energy = 1.0
        for width in (PULSE_RANGE, NEAR, NEAR):
            energy, weight = _mean_ratio(ratios, empty.first_squares[q], energy, width)
            if weight <= 0.25 * whole[q]:
                energy = 1.0
                break
        energies[i] = energy
    return energies


@numba.njit(cache=True, nogil=True, error_model="numpy")
def lay_light(
    samples: Samples, empty: EmptyLine, grid: PeriodGrid, view: Lit, energies: Doubles, first_line: int,
    limits: tuple[float, float], base_tick: int, light: FloatImage,
) -> None:  # fmt: skip
    """Write the light of one view relative to the empty line, sample by sample, from `first_line` on.

    `light` begins at `base_tick`. Written is what lies within a half-width from the view's middle, the first of the
    `limits`, and NaN there where nothing is known: too dark, at the converter's ceiling, the second of them, in another
    view, or in a line without energy.
    """
    first_tick, origin, period = grid
    half, end_tick, top = limits[0], first_tick + samples.shape[0], np.float32(limits[1])
    for i in range(energies.shape[0]):
        middle = origin + (first_line + i) * period + view.middle
        start, stop = math.ceil(middle - half), math.floor(middle + half) + 1
        tick = max(start, math.ceil(middle - view.reach), first_tick)
        last = min(stop, math.ceil(middle + view.reach), end_tick)
        if math.isnan(energies[i]) or tick >= last:
            light[start - base_tick : stop - base_tick] = NAN
            continue
        light[start - base_tick : tick - base_tick] = NAN
        light[last - base_tick : stop - base_tick] = NAN
        scale = np.float32(1.0 / energies[i])
        while tick < last:
            q, k, until = _stretch(tick, last, grid)
            taken, target = samples[tick - first_tick : until - first_tick], light[tick - base_tick : until - base_tick]
            offsets, inverse = empty.offsets[tick % empty.cores :], empty.inverse[q, k:]
            for j in range(taken.shape[0]):
                count = np.float32(taken[j])
                value = (count - offsets[j]) * inverse[j] * scale
                target[j] = value if count < top else NAN
            tick = until
