"""Kernels that fold a stream at the period of its scan or line clock (specification B.3)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class PeriodGrid(NamedTuple):
    """Where samples and periods lie: tick of the first sample, tick at which period 0 begins, length of a period."""

    first_tick: int
    origin_tick: float
    period_ticks: float


@numba.njit(cache=True, nogil=True)
def folded_energy(samples: Samples, offsets: Doubles, period_ticks: float, n_bins: int) -> float:
    """Score of a period: sum over phase bins of (sum of samples)^2 / count; largest at the true period.

    Samples are `(n,)`, `offsets` `(cores,)` are subtracted in turn. Source: specification B.3, step 2.
    """
    sums = np.zeros(n_bins)
    counts = np.zeros(n_bins)
    cores = offsets.shape[0]
    scale = 1.0 / period_ticks
    # Counted, as a remainder takes longer than all else that is done to a sample.
    core = 0
    for m in range(samples.shape[0]):
        turns = m * scale
        b = int((turns - math.floor(turns)) * n_bins)
        sums[b] += samples[m] - offsets[core]
        counts[b] += 1.0
        core = core + 1 if core + 1 < cores else 0
    score = 0.0
    for b in range(n_bins):
        if counts[b] > 0:
            score += sums[b] * sums[b] / counts[b]
    return score


@numba.njit(cache=True, nogil=True)
def folded_median(
    samples: Samples,
    grid: PeriodGrid,
    offsets: Doubles,
    take: npt.NDArray[np.bool_],
    n_bins: int,
) -> tuple[Floats, float]:
    """Median of each bin of `BINS_PER_TICK` over the periods with `take` set, and the noise about it.

    Returns `(n_bins,)` float32 levels (NaN where a bin met no sample) and 1.4826 times the median of the absolute
    deviations from them. `samples` is one `(n,)` column.
    """
    cores = offsets.shape[0]
    first_tick, origin_tick, period_ticks = grid
    counts = np.zeros(n_bins + 1, dtype=np.int64)
    for turn in range(2):
        if turn == 1:
            counts = np.cumsum(counts)
            values = np.empty(counts[n_bins], dtype=np.float32)
            place = counts[:n_bins].copy()
        for k in range(take.shape[0]):
            if not take[k]:
                continue
            begin = origin_tick + k * period_ticks
            start = max(math.ceil(begin), first_tick)
            stop = min(math.ceil(begin + period_ticks), first_tick + samples.shape[0])
            core = start % cores
            for tick in range(start, stop):
                b = min(int((tick - begin) * BINS_PER_TICK), n_bins - 1)
                if turn == 0:
                    counts[b + 1] += 1
                else:
                    values[place[b]] = samples[tick - first_tick] - offsets[core]
                    place[b] += 1
                    core = core + 1 if core + 1 < cores else 0
    level = np.empty(n_bins, dtype=np.float32)
    for b in range(n_bins):
        inside = values[counts[b] : counts[b + 1]]
        if inside.shape[0] == 0:
            level[b] = np.nan
            continue
        level[b] = np.median(inside)
        for i in range(inside.shape[0]):
            inside[i] = abs(inside[i] - level[b])
    noise = 1.4826 * np.median(values) if values.shape[0] > 0 else 0.0
    return level, noise


def fill_gaps(level: Floats) -> Floats:
    """Replace NaN bins by circular linear interpolation between their neighbours."""
    known = np.flatnonzero(np.isfinite(level))
    if known.size in (0, level.size):
        return np.nan_to_num(level)
    return np.interp(np.arange(level.size), known, level[known], period=level.size).astype(np.float32)
