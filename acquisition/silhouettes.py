"""Kernels that draw what a trigger holds as a picture of deviations, and find the pixels that stand out of it."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.folding import Floats, PeriodGrid
from acquisition.templates import FAST, LANES

Mask = npt.NDArray[np.bool_]

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
    n_bins, cores = level.shape[0], offsets.shape[0]
    n_rows = max(1, math.ceil(n_periods * rows_per_period))
    picture = np.zeros((n_rows, n_columns), dtype=np.float32)
    counts = np.zeros((n_rows, n_columns), dtype=np.float32)
    light = np.zeros(n_columns, dtype=np.float32)
    shares = np.zeros(n_columns, dtype=np.float32)
    low, width = phases[0], phases[1] - phases[0]
    values = np.empty(int(period_ticks) + 2, dtype=np.float32)
    expected = np.empty(int(period_ticks) + 2, dtype=np.float32)
    columns = np.empty(int(period_ticks) + 2, dtype=np.uint64)
    sums = np.empty(n_columns, dtype=np.float32)
    met = np.empty(n_columns, dtype=np.float32)
    step, per_phase = 1.0 / period_ticks, n_columns / width
    stride = max(1, int(1.0 / (rows_per_period * PERIODS_PER_PIXEL)))
    if runs_back and stride % 2 == 0:
        stride -= 1
    for k in range(0, n_periods, stride):
        begin = origin_tick + k * period_ticks
        start = max(math.ceil(begin + phases[0] * period_ticks), first_tick)
        stop = min(math.ceil(begin + phases[1] * period_ticks), first_tick + samples.shape[0])
        n = 0
        back = runs_back and k % 2 != 0
        core = start % cores
        for tick in range(start, stop):
            phase = (tick - begin) * step
            b = min(int(phase * n_bins), n_bins - 1)
            c = min(max(int((phase - low) * per_phase), 0), n_columns - 1)
            values[n] = samples[tick - first_tick] - offsets[core]
            expected[n] = level[b]
            columns[n] = n_columns - 1 - c if back else c
            n += 1
            core = core + 1 if core + 1 < cores else 0
        row = min(int(k * rows_per_period), n_rows - 1)
        last = min(max(row + 1, int((k + 1) * rows_per_period)), n_rows)
        sums[:] = 0.0
        met[:] = 0.0
        for i in range(n):
            light[columns[i]] += expected[i]
            met[columns[i]] += np.float32(1.0)
            sums[columns[i]] += values[i] - expected[i]
        for c in range(n_columns):
            shares[c] += met[c]
        for r in range(row, last):
            for c in range(n_columns):
                picture[r, c] += sums[c]
                counts[r, c] += met[c]
    picture /= np.maximum(counts, np.float32(1.0))
    light /= np.maximum(shares, np.float32(1.0))
    return picture, counts, light


@numba.njit(cache=True, nogil=True)
def level_rows(picture: Floats, light: Floats, empty_share: float) -> None:
    """Bring each row, in place, to the background at the row's own brightness.

    A least-squares brightness follows a body that fills much of the period and leaves the empty part beside it askew.
    What counts here is what many pixels agree on: the mean over the closest `empty_share` of a row's (the "shorth").
    The evenly dark middle of a large cell agrees with itself as well, so distance from the background counts against
    them as their own spread does.
    """
    n_columns = light.shape[0]
    lit = np.flatnonzero(light > 0.25 * light.max())
    n_lit = lit.shape[0]
    n = max(2, int(empty_share * n_lit))
    if n > n_lit:
        return
    ratios = np.full((n_lit + LANES - 1) // LANES * LANES, np.inf, dtype=np.float32)
    ordered = np.empty(n_lit, dtype=np.float32)
    for r in range(picture.shape[0]):
        for i in range(n_lit):
            ratios[i] = picture[r, lit[i]] / light[lit[i]]
        _order(ratios, n_lit, ordered)
        gain, least = np.float32(0.0), np.float32(np.inf)
        for i in range(n_lit - n + 1):
            mean = ordered[i : i + n].mean()
            cost = ordered[i + n - 1] - ordered[i] + abs(mean)
            if cost < least:
                gain, least = mean, cost
        for c in range(n_columns):
            picture[r, c] -= gain * light[c]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _order(values: Floats, n: int, ordered: Floats) -> None:
    """Sort the first n values by counting, for each, those that are less: vector instructions beat a sort of so few.

    Beyond n, up to a multiple of `LANES`, values must be infinite.
    """
    ordered[:n] = np.nan
    for i in range(n):
        value, rank = values[i], np.float32(0.0)
        for j in range(values.shape[0]):
            rank += np.float32(1.0) if values[j] < value else np.float32(0.0)
        ordered[int(rank)] = value
    for i in range(1, n):
        # Equal values met in one place.
        if np.isnan(ordered[i]):
            ordered[i] = ordered[i - 1]


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
    scores = np.empty((n_rows, n_columns), dtype=np.float32)
    # Without samples the picture is 0, whatever the noise.
    per_noise, correlated = np.float32(1.0 / noise), np.float32(1.0 / CORRELATED)
    for r in range(n_rows):
        for c in range(n_columns):
            scores[r, c] = abs(picture[r, c]) * per_noise * np.sqrt(max(np.float32(1.0), counts[r, c] * correlated))
    rim = _strongest(scores)
    off = max(off, FAINT_SHARE * rim)
    on = max(on, 2.0 * FAINT_SHARE * rim)
    mask = scores > on
    stack = np.empty((n_rows * n_columns, 2), dtype=np.int64)
    depth = 0
    for r in range(n_rows):
        for c in range(n_columns):
            if mask[r, c]:
                stack[depth, 0], stack[depth, 1] = r, c
                depth += 1
    while depth > 0:
        depth -= 1
        r, c = stack[depth, 0], stack[depth, 1]
        for y in range(max(0, r - 1), min(n_rows, r + 2)):
            for x in range(max(0, c - 1), min(n_columns, c + 2)):
                if scores[y, x] > off and not mask[y, x]:
                    mask[y, x] = True
                    stack[depth, 0], stack[depth, 1] = y, x
                    depth += 1
    return mask
