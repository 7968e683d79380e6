"""Kernels of the flow speed: silhouettes of a cell, scan by scan, and the comb that they make at the pinholes."""

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

TABLE_UM = 0.25
"""Step of the table of the comb."""
QUIET = 2.5
"""Rows must stand out from the empty stream by so many standard deviations."""


class ScanGrid(NamedTuple):
    """Samples of one channel as scans of rows: the tick at which scan 0 begins, its delay included, and its length.

    Only the first `active_ticks` of a scan have a height; they are cut into rows of equal length.
    """

    start_tick: float
    period_ticks: float
    active_ticks: float


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _above(window: Samples, channel: int, level: Floats, low: int, high: int, first_bin: int) -> tuple[float, float]:
    """Sum of the samples from `low` to `high` above their empty level, and of that level."""
    n = min(high - low, (level.shape[0] - 1 - first_bin) // BINS_PER_TICK + 1)
    counts, beam = 0.0, 0.0
    for k in range(n):
        counts += window[low + k, channel]
    for k in range(n):
        beam += level[first_bin + k * BINS_PER_TICK]
    return counts - beam, beam


@numba.njit(cache=True, nogil=True)
def silhouette(
    window: Samples, channel: int, level: Floats, noise: float, scans: ScanGrid, first_tick: float, relative: bool,
    wanted: npt.NDArray[np.bool_], weights: Floats,
) -> None:  # fmt: skip
    """Fill `weights`, `(n_scans, rows)`, with how much of a cell is seen in each row of each scan.

    Side light is given in counts, transmission (`relative`) as the share of the beam by which it differs; rows that do
    not stand out from the noise, and those not `wanted`, `(rows,)`, are 0.
    """
    n_scans, rows = weights.shape
    row_ticks = scans.active_ticks / rows
    for n in range(n_scans):
        start = scans.start_tick + n * scans.period_ticks - first_tick
        for r in range(rows):
            low = max(0, math.ceil(start + r * row_ticks))
            high = min(window.shape[0], math.ceil(start + (r + 1) * row_ticks))
            weights[n, r] = 0.0
            if high <= low or not wanted[r]:
                continue
            total, beam = _above(window, channel, level, low, high, int((low - start) * BINS_PER_TICK))
            threshold = QUIET * noise * math.sqrt(high - low)
            if relative and abs(total) > threshold:
                weights[n, r] = (abs(total) - threshold) / max(beam, 1.0)
            elif not relative and total > threshold:
                weights[n, r] = (total - threshold) / (high - low)


@numba.njit(cache=True, nogil=True)
def scan_moments(weights: Floats, scans: ScanGrid, halvings: int, sums: Doubles, moments: Doubles) -> None:
    """Sum the flattened `(n_scans, rows)` weights of each scan, and weight times tick of the middle of the row.

    Flattened by `halvings` square roots: a bright granule then counts little more than the cell around it, so that the
    centroid is that of the outline, which is alike at all pinholes, and not that of the few brightest granules.
    """
    n_scans, rows = weights.shape
    for n in range(n_scans):
        total, moment = 0.0, 0.0
        for r in range(rows):
            weight = weights[n, r]
            if weight <= 0.0:
                continue
            for _ in range(halvings):
                weight = math.sqrt(weight)
            total += weight
            moment += weight * (r + 0.5)
        sums[n] = total
        moments[n] = total * (scans.start_tick + n * scans.period_ticks) + moment * scans.active_ticks / rows


@numba.njit(cache=True, nogil=True)
def centroid(sums: Doubles, moments: Doubles, scans: ScanGrid, tick: float, half_ticks: float) -> tuple[float, float]:
    """Return the mean tick of what is seen within `half_ticks` of `tick`, and how much that is; NaN if nothing."""
    middle = (tick - scans.start_tick - 0.5 * scans.active_ticks) / scans.period_ticks
    half = half_ticks / scans.period_ticks
    total, moment = 0.0, 0.0
    # Scans at the edge count by their share, so that the centroid does not jump when the edge passes one.
    for n in range(max(0, math.floor(middle - half)), min(sums.shape[0], math.ceil(middle + half) + 1)):
        share = min(max(half + 0.5 - abs(n - middle), 0.0), 1.0)
        total += share * sums[n]
        moment += share * moments[n]
    return (moment / total if total > 0.0 else math.nan), total


@numba.njit(cache=True, nogil=True)
def comb_table(mask_y: Doubles) -> Doubles:
    """Cosine that is 1 at every pinhole and -1 between two, by path in steps of `TABLE_UM`; 0 outside the mask.

    The table begins half a pitch before the first pinhole.
    """
    before, after = 0.5 * (mask_y[1] - mask_y[0]), 0.5 * (mask_y[-1] - mask_y[-2])
    first = mask_y[0] - before
    table = np.zeros(math.ceil((mask_y[-1] + after - first) / TABLE_UM))
    i = 0
    for k in range(table.shape[0]):
        path = first + (k + 0.5) * TABLE_UM
        while i + 2 < mask_y.shape[0] and path > mask_y[i + 1]:
            i += 1
        table[k] = math.cos(2.0 * math.pi * (path - mask_y[i]) / (mask_y[i + 1] - mask_y[i]))
    return table


@numba.njit(cache=True, nogil=True)
def best_speed(
    sums: Doubles, scans: ScanGrid, table: Doubles, table_um: float, slit_tick: float, slit_y: float, nominal: float,
    spread: float, step: float,
) -> float:  # fmt: skip
    """Speed, um per tick, within `spread` of nominal in steps of `step`, at which the comb finds most of the cell.

    `table_um` is where the table begins. The cell passes `slit_y` at `slit_tick`.
    """
    best, found = -math.inf, nominal
    for k in range(round(2 * spread / step) + 1):
        speed = nominal * (1.0 - spread + k * step)
        score = 0.0
        place = (scans.start_tick + 0.5 * scans.active_ticks - slit_tick) * speed + slit_y - table_um
        place, stride = place / TABLE_UM, scans.period_ticks * speed / TABLE_UM
        first = max(0, math.ceil(-place / stride))
        last = min(sums.shape[0], math.floor((table.shape[0] - 1 - place) / stride) + 1)
        for n in range(first, last):
            score += sums[n] * table[int(place + n * stride)]
        if score > best:
            best, found = score, speed
    return found
