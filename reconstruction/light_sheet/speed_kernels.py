"""Kernels of the flow speed: the window as rows of scans, and the outline of a shadow."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

QUIET = 2.0
"""Rows must stand out from the empty stream by so many standard deviations."""


class ScanGrid(NamedTuple):
    """Samples of one channel as scans of rows: the tick at which scan 0 begins, its delay included, and its length.

    Only the first `active_ticks` of a scan have a height; they are cut into rows of equal length.
    """

    start_tick: float
    period_ticks: float
    active_ticks: float


@numba.njit(cache=True, nogil=True)
def _running_level(level: Floats, n: int) -> Floats:
    """Sum the empty level over the first samples of a scan, `(BINS_PER_TICK, n)`, by the bin of the first one."""
    sums = np.zeros((BINS_PER_TICK, n), dtype=np.float32)
    for q in range(BINS_PER_TICK):
        for k in range(1, n):
            at = q + (k - 1) * BINS_PER_TICK
            sums[q, k] = sums[q, k - 1] + (level[at] if at < level.shape[0] else np.float32(0.0))
    return sums


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "arcp", "nnan", "ninf"})
def scan_rows(
    samples: Samples, level: Floats, noise: float, scans: ScanGrid, first_tick: float, relative: bool, rows: Floats
) -> None:
    """Fill `rows`, `(n_scans, n_rows)`, with how much of a cell is seen in each row of each scan.

    Side light is given in counts, transmission (`relative`) as the share of the beam by which it differs; both less
    what noise may make, so that rows that do not stand out from it are 0.

    Parameters
    ----------
    samples, level, noise
        `(n,)` counts of a channel, `(n_bins,)` its empty level, and the noise of a sample.
    first_tick
        Of the samples.
    """
    n_scans, n_rows = rows.shape
    row_ticks = scans.active_ticks / n_rows
    longest = math.ceil(scans.active_ticks) + BINS_PER_TICK + 2
    empty, counts = _running_level(level, longest), np.zeros(longest, dtype=np.int32)
    above = np.zeros(longest, dtype=np.float32)
    shares, quiet = np.zeros(longest, dtype=np.float32), np.zeros(longest, dtype=np.float32)
    for k in range(1, longest):
        shares[k], quiet[k] = 1.0 / k, QUIET * noise * math.sqrt(k)
    for n in range(n_scans):
        start = scans.start_tick + n * scans.period_ticks - first_tick
        begin = max(0, math.ceil(start))
        part = samples[begin : min(samples.shape[0], math.ceil(start + scans.active_ticks))]
        late = int((begin - start) * BINS_PER_TICK)
        beam = empty[late % BINS_PER_TICK, late // BINS_PER_TICK :]
        # Rows begin and end at other samples in every scan: differences of running sums need no loop of their own.
        total = np.int32(0)
        for k in range(part.shape[0]):
            total += np.int32(part[k])
            counts[k + 1] = total
        for k in range(part.shape[0] + 1):
            above[k] = np.float32(counts[k]) - beam[k]
        low = 0
        for r in range(n_rows):
            high = max(low, min(math.ceil(start - begin + (r + 1) * row_ticks), part.shape[0]))
            found = above[high] - above[low]
            if relative:
                found = (abs(found) - quiet[high - low]) / max(beam[high] - beam[low], np.float32(1.0))
            else:
                found = (found - quiet[high - low]) * shares[high - low]
            rows[n, r] = max(found, np.float32(0.0))
            low = high


@numba.njit(cache=True, nogil=True, error_model="numpy")
def flatten(rows: Floats) -> None:
    """Take the fourth root of rows of light `(n_scans, n_rows)`, in place.

    A bright granule then counts little more than the cell around it: what is left is an outline, alike at all pinholes.
    """
    flat = rows.reshape(-1)
    for i in range(flat.shape[0]):
        flat[i] = math.sqrt(math.sqrt(flat[i]))


@numba.njit(cache=True, nogil=True)
def shadow_middle(shadow: Floats, scans: ScanGrid) -> float:
    """Mean tick of a shadow `(n_scans, n_rows)`, weighted by its square root; NaN where there is none."""
    total, moment = 0.0, 0.0
    n_rows = shadow.shape[1]
    for n in range(shadow.shape[0]):
        for r in range(n_rows):
            if shadow[n, r] > 0.0:
                weight = math.sqrt(shadow[n, r])
                total += weight
                moment += weight * (n * scans.period_ticks + (r + 0.5) * scans.active_ticks / n_rows)
    return scans.start_tick + moment / total if total > 0.0 else math.nan


@numba.njit(cache=True, nogil=True)
def half_chords(shadow: Floats, scan_um: float) -> Doubles:
    """Half of the length of a shadow `(n_scans, n_rows)` along the flow, um, in each row `(n_rows,)`; 0 where none is.

    `scan_um` is the path from scan to scan. A row that is shorter than both its neighbours takes the shorter of theirs:
    where absorption ends and the lens effect of a cell begins, its shadow has no contrast.
    """
    n_rows = shadow.shape[1]
    seen, halves = np.zeros(n_rows), np.zeros(n_rows)
    for n in range(shadow.shape[0]):
        for r in range(n_rows):
            seen[r] += shadow[n, r] > 0.0
    for r in range(n_rows):
        beside = min(seen[r - 1], seen[r + 1]) if 0 < r < n_rows - 1 else 0.0
        halves[r] = 0.5 * scan_um * max(seen[r], beside)
    return halves
