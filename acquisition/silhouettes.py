"""Kernels that draw what a trigger holds as a picture of deviations, and find the pixels that stand out of it."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.copying import copy_row
from acquisition.event import BINS_PER_TICK
from acquisition.folding import Floats, PeriodGrid
from acquisition.templates import FAST

Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

CORRELATED = 3.0
"""Neighbouring samples that may share their noise: detectors are a few times slower than converters."""
FAINT_SHARE = 0.25
"""Light bent around a cell reaches micrometres beyond it, at less than this share of its rim's strength."""
PERIODS_PER_PIXEL = 2.5
"""Of lines much finer than a pixel, about so many are drawn: more cost time and show nothing more."""
STRONGEST = 12
"""So many pixels of a picture stand for the strength of its rims."""


@numba.njit(cache=True, nogil=True)
def deviation_picture(
    samples: Samples,
    grid: PeriodGrid,
    offsets: Floats,
    level: Floats,
    phases: tuple[float, float],
    runs_back: bool,
    n_periods: int,
    rows_per_period: float,
    n_columns: int,
) -> tuple[Floats, Floats, Floats]:
    """Average how far samples are from the background over square pixels.

    Parameters
    ----------
    samples, grid
        `(n,)` column of the score channel; period 0 of the grid is the first of `n_periods`.
    offsets, level
        `(cores,)` and `(n_bins,)` counts: the converter's offsets, and the background.
    phases
        Where in a period the field begins and ends.
    runs_back
        Whether every odd period runs backwards through these phases.
    rows_per_period
        Height of a period in pixels, smaller or larger than 1.
    n_columns
        Pixels across the field.

    Returns
    -------
    picture
        `(n_rows, n_columns)` float32, counts.
    counts
        Likewise, samples per pixel.
    light
        `(n_columns,)` float32, background in each column, counts.
    """
    first_tick, origin_tick, period_ticks = grid
    cores = offsets.shape[0]
    n_rows = max(1, math.ceil(n_periods * rows_per_period))
    picture = np.zeros((n_rows, n_columns), dtype=np.float32)
    counts = np.zeros((n_rows, n_columns), dtype=np.float32)
    low, width = phases[0] * period_ticks, (phases[1] - phases[0]) * period_ticks
    per_tick = n_columns / width
    expected, columns = _met(level, offsets, low, int(width) + 2, per_tick, n_columns)
    stride = max(1, int(1.0 / (rows_per_period * PERIODS_PER_PIXEL)))
    if runs_back and stride % 2 == 0:
        stride -= 1
    for k in range(0, n_periods, stride):
        begin = origin_tick + k * period_ticks + low
        first = math.ceil(begin)
        q = min(int((first - begin) * BINS_PER_TICK), BINS_PER_TICK - 1)
        core = first % cores
        row = min(int(k * rows_per_period), n_rows - 1)
        start = max(0, first_tick - first)
        stop = min(math.ceil(begin + width), first_tick + samples.shape[0]) - first
        direction = 1 if runs_back and k % 2 != 0 else 0
        values, met = picture[row], counts[row]
        for i in range(start, stop):
            at = np.uint64(i)
            c = columns[direction, q, at]
            values[c] += np.float32(samples[np.uint64(first - first_tick + i)]) - expected[core, q, at]
            met[c] += np.float32(1.0)
        for r in range(row + 1, min(int((k + 1) * rows_per_period), n_rows)):
            copy_row(values, picture[r])
            copy_row(met, counts[r])
    for r in range(n_rows):
        for c in range(n_columns):
            at = np.uint64(c)
            picture[r, at] /= max(counts[r, at], np.float32(1.0))
    return picture, counts, _light(level, low, per_tick, n_columns)


@numba.njit(cache=True, nogil=True)
def _met(
    level: Floats, offsets: Floats, low: float, n: int, per_tick: float, n_columns: int
) -> tuple[Floats, npt.NDArray[np.uint64]]:
    """Return what samples from tick `low` of a period on meet, for every row of bins (see `templates`) they can lie in.

    These are what the converter gives for the background, `(cores, BINS_PER_TICK, n)` counts, by the core of the first
    sample, and their columns, `(2, BINS_PER_TICK, n)`, forwards and back.
    """
    cores = offsets.shape[0]
    expected = np.empty((cores, BINS_PER_TICK, n), dtype=np.float32)
    columns = np.empty((2, BINS_PER_TICK, n), dtype=np.uint64)
    dark = np.empty(n + cores, dtype=np.float32)
    for core in range(cores):
        dark[core::cores] = offsets[core]
    for q in range(BINS_PER_TICK):
        into = (q + 0.5) / BINS_PER_TICK
        lit = level[int((low + into) * BINS_PER_TICK) :: BINS_PER_TICK]
        for i in range(n):
            c = min(int((into + i) * per_tick), n_columns - 1)
            columns[0, q, i], columns[1, q, i] = c, n_columns - 1 - c
        for core in range(cores):
            for i in range(min(n, lit.shape[0])):
                expected[core, q, i] = lit[i] + dark[core + i]
    return expected, columns


@numba.njit(cache=True, nogil=True)
def _light(level: Floats, low: float, per_tick: float, n_columns: int) -> Floats:
    """Return the mean background of each column, `(n_columns,)`."""
    light = np.zeros(n_columns, dtype=np.float32)
    for c in range(n_columns):
        first = int((low + c / per_tick) * BINS_PER_TICK)
        last = min(max(first + 1, int((low + (c + 1) / per_tick) * BINS_PER_TICK)), level.shape[0])
        for b in range(first, last):
            light[c] += level[b]
        light[c] /= np.float32(last - first)
    return light


@numba.njit(cache=True, nogil=True)
def _strongest(scores: Floats) -> float:
    """Return the highest score but `STRONGEST` - 1."""
    best = np.zeros(STRONGEST, dtype=np.float32)
    for r in range(scores.shape[0]):
        for c in range(scores.shape[1]):
            score = scores[r, c]
            if score > best[0]:
                i = 0
                while i + 1 < STRONGEST and best[i + 1] < score:
                    best[i] = best[i + 1]
                    i += 1
                best[i] = score
    return float(best[0])


@numba.njit(cache=True, nogil=True)
def standing_out(picture: Floats, counts: Floats, noise: float, on: float, off: float) -> Mask:
    """Find pixels beyond `off` that touch, one by the other, a pixel beyond `on`; both in multiples of a pixel's noise.

    `noise` is that of a sample, counts. In a strong picture both rise with the rims, so that fringes do not count.
    """
    n_rows, n_columns = picture.shape
    strong = _in_noises(picture.reshape(-1), counts.reshape(-1), 1.0 / noise).reshape(picture.shape)
    rim = _strongest(strong)
    # One pixel more on every side, so that every pixel has its neighbours.
    faint = _beyond(strong, max(off, FAINT_SHARE * rim))
    mask = _beyond(strong, max(on, 2.0 * FAINT_SHARE * rim))
    rows = np.zeros_like(mask)
    while _spread(mask, faint, rows, n_columns + 2):
        pass
    return mask.view(np.bool_).reshape((n_rows + 2, n_columns + 2))[1:-1, 1:-1]


@numba.njit(cache=True, nogil=True)
def _beyond(scores: Floats, least: float) -> Bytes:
    """Tell where scores are higher, row behind row, with a frame of zeros one pixel wide."""
    n_rows, n_columns = scores.shape
    out = np.zeros((n_rows + 2) * (n_columns + 2), dtype=np.uint8)
    limit = np.float32(least)
    for r in range(n_rows):
        row, begin = scores[r], np.uint64((r + 1) * (n_columns + 2) + 1)
        for c in range(n_columns):
            out[begin + np.uint64(c)] = row[np.uint64(c)] > limit
    return out


@numba.njit(cache=True, nogil=True)
def _spread(mask: Bytes, within: Bytes, rows: Bytes, width: int) -> bool:
    """Add, in place, the neighbours of the mask that lie within another; False if there are none. `rows` is room."""
    one, down, n = np.uint64(1), np.uint64(width), mask.shape[0]
    for i in range(1, n - 1):
        at = np.uint64(i)
        rows[at] = mask[at - one] | mask[at] | mask[at + one]
    gained = np.uint8(0)
    for i in range(width, n - width):
        at = np.uint64(i)
        now = within[at] & (rows[at - down] | rows[at] | rows[at + down]) | mask[at]
        gained |= now ^ mask[at]
        mask[at] = now
    return bool(gained)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _in_noises(values: Floats, counts: Floats, per_noise: float) -> Floats:
    """Return by how much means of so many samples stand out, in multiples of their noise."""
    # Where there are no samples the value is 0, whatever the noise.
    share, correlated = np.float32(per_noise), np.float32(1.0 / CORRELATED)
    scores = np.empty_like(values)
    for i in range(values.shape[0]):
        at = np.uint64(i)
        scores[at] = abs(values[at]) * share * np.sqrt(max(np.float32(1.0), counts[at] * correlated))
    return scores
