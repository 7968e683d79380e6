"""From the samples of a scan to a line along z: corrected for the background, and resampled on the rows of the grid."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK
from acquisition.instrument import ImageGrid, Scan
from reconstruction.kriging import Doubles, nearest_run, noise_left, shares_of
from reconstruction.lanes import LANES, blend
from reconstruction.motion import FloatImage

PHASES = 16
"""Places between two samples at which a scan may start; the sheet moves some 10 nm from one to the next."""
EDGE_SAMPLES = 2
"""Samples at either end of a scan that are left out: light turns on and off there, and the clock jitters about it."""
FARTHEST_PX = 3.0
"""Rows farther than this from all samples are not seen."""
REACH = 1.75
"""Samples count for a row up to so many blurs to either side."""

Longs = npt.NDArray[np.int64]


class RowTable(NamedTuple):
    """How the samples of a scan make up the rows of a line; by direction (back: 1), phase and block of `LANES` rows.

    A sawtooth has one direction, a triangle two.

    Attributes
    ----------
    counts
        `(directions, PHASES)`: samples of the active part.
    starts
        `(blocks,)`: first row of each block.
    first
        `(directions, PHASES, blocks)`: first sample that a block is made of.
    shares
        Flat, `(directions, PHASES, blocks, span, LANES)` float32.
    span
        Samples that a block is made of.
    """

    counts: Longs
    starts: Longs
    first: Longs
    shares: FloatImage
    span: int


class Correction(NamedTuple):
    """What turns counts into light: `(count - level) * gain`, by quarter of a tick and whole ticks from a scan's start.

    Both are `(BINS_PER_TICK, k)` float32. Column 0 stands for `level_tick` and `gain_tick` after the start of the scan,
    as the clock has it; delays of channels shift them.
    """

    level: FloatImage
    level_tick: float
    gain: FloatImage
    gain_tick: float


class ScanClock(NamedTuple):
    """Where the scans of a channel stand among the rows of a window: start of scan 0, period, and channel's delay."""

    origin_row: float
    period: float
    delay: float


def block_starts(n: int) -> Longs:
    """Return the first pixel of each block; the last block ends with the last pixel."""
    return np.array([*range(0, n - LANES, LANES), n - LANES], dtype=np.int64)


def row_heights(grid: ImageGrid) -> Doubles:
    """Return where the rows, or columns, of a grid lie, um."""
    return np.asarray((np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um)


def heights(scan: Scan, u: Doubles) -> Doubles:
    """Return where the sheet stands at u of the active part of a forward scan, um."""
    w = u - 0.5
    return np.asarray(scan.height_um * (w + scan.a2 * w**2 + scan.a3 * w**3))


def rows_in_scan(scan: Scan, z_um: Doubles) -> Doubles:
    """Return at which u of the active part of a forward scan the sheet stands at these heights; 0 and 1 beyond it."""
    u = np.linspace(0.0, 1.0, 2001)
    return np.asarray(np.interp(z_um, heights(scan, u), u))


def samples_near(scan: Scan, period: float, blur_um: float) -> int:
    """Return how many samples make up a row, for scans of so many ticks."""
    return max(2, math.ceil(2.0 * REACH * blur_um * scan.active_duty * period / scan.height_um))


def new_row_table(scan: Scan, grid: ImageGrid, period: float, blur_um: float, noise: float) -> tuple[RowTable, float]:
    """Work out how scans of this period, in ticks, make up lines; and the noise that is left in them.

    Parameters
    ----------
    blur_um
        Of the sheet along z.
    noise
        Of a sample, against the light.
    """
    z = row_heights(grid)
    active = scan.active_duty * period
    directions = 2 if scan.shape == "triangle" else 1
    counts = np.array([[math.ceil(active - (q + 0.5) / PHASES) for q in range(PHASES)]] * directions, dtype=np.int64)
    near = min(samples_near(scan, period, blur_um), int(counts.min()) - 2 * EDGE_SAMPLES)
    first = np.empty((directions, PHASES, z.size), np.int64)
    shares = np.empty((*first.shape, near))
    for back in range(directions):
        for q in range(PHASES):
            u = (np.arange(counts[back, q]) + (q + 0.5) / PHASES) / active
            places = heights(scan, 1.0 - u if back else u)
            rising = places[::-1] if back else places
            rising = rising[EDGE_SAMPLES : places.size - EDGE_SAMPLES]
            run = nearest_run(rising, z, near)
            about = rising[run[:, None] + np.arange(near)]
            part = shares_of(about, z, blur_um, noise)
            unseen = np.abs(about - z[:, None]).min(axis=1) > FARTHEST_PX * grid.pixel_um
            part[unseen] = 0.0
            first[back, q] = places.size - EDGE_SAMPLES - run - near if back else EDGE_SAMPLES + run
            shares[back, q] = part[:, ::-1] if back else part
    left = noise_left(shares[0, 0][shares[0, 0].any(axis=1)], noise)
    return _blocked(counts, first, shares), left


def _blocked(counts: Longs, first: Longs, shares: Doubles) -> RowTable:
    """Sort the shares of rows into blocks."""
    starts, near = block_starts(first.shape[2]), shares.shape[3]
    rows = starts[:, None] + np.arange(LANES)
    begin = first[:, :, rows].min(axis=3)
    span = int((first[:, :, rows].max(axis=3) + near - begin).max())
    table = np.zeros((*begin.shape, span, LANES), np.float32)
    back, phase, block, lane, k = np.indices((*begin.shape, LANES, near))
    row = rows[block, lane]
    table[back, phase, block, first[back, phase, row] - begin[back, phase, block] + k, lane] = shares[
        back, phase, row, k
    ]
    return RowTable(counts, starts, begin, table.ravel(), span)


@numba.njit(cache=True, nogil=True)
def by_sample(values: FloatImage, period: float, delay: float, length: int) -> tuple[FloatImage, float]:
    """Sort a background `(n_bins,)` by sample of a scan that comes `delay` ticks late, `(BINS_PER_TICK, length)`.

    Returns the tick, after the start of the scan by the clock, that column 0 stands for.
    """
    sorted_ = np.empty((BINS_PER_TICK, length), np.float32)
    first, n = math.floor(delay), values.shape[0]
    around = round(BINS_PER_TICK * period)
    for q in range(BINS_PER_TICK):
        b = (BINS_PER_TICK * first + q) % around
        for k in range(length):
            sorted_[q, k] = values[min(b, n - 1)]
            b += BINS_PER_TICK
            if b >= around:
                b -= around
    return sorted_, float(first)


@numba.njit(cache=True, nogil=True, inline="always")
def bin_of(start: int, begin: float, first_tick: float) -> tuple[int, int]:
    """Row and column of a `Correction` for a sample, when the scan starts at `begin` by the clock."""
    after = start - begin - first_tick
    k = math.floor(after)
    return int((after - k) * BINS_PER_TICK), k


@numba.njit(cache=True, nogil=True, error_model="numpy")
def lay_lines(
    samples: Samples, correction: Correction, clock: ScanClock, triangle: bool, first_scan: int,
    wanted: tuple[int, int], table: RowTable, values: FloatImage, lines: FloatImage, met: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """Make the `lines` `(n, z)` of the scans from `first_scan` on, from the samples `(m,)` of one channel.

    Lines of scans outside `wanted`, first and last, or not whole in the window are 0; `met` `(n,)` tells which are
    there. `values` is room for the samples of a scan and `table.span` more.
    """
    counts, starts, first, shares, span = table
    flat, n_rows = lines.reshape(-1), lines.shape[1]
    level, level_tick, gain, gain_tick = correction
    for n in range(lines.shape[0]):
        number = first_scan + n
        begin = clock.origin_row + number * clock.period
        start = math.ceil(begin + clock.delay)
        phase = min(int((start - begin - clock.delay) * PHASES), PHASES - 1)
        back = 1 if triangle and number % 2 != 0 else 0
        count = counts[back, phase]
        met[n] = number >= wanted[0] and number <= wanted[1] and start >= 0 and start + count <= samples.shape[0]
        if not met[n]:
            lines[n] = np.float32(0.0)
            continue
        q, k = bin_of(start, begin, level_tick)
        lows = level[q, k : k + count]
        q, k = bin_of(start, begin, gain_tick)
        gains = gain[q, k : k + count]
        taken = samples[start : start + count]
        for i in range(count):
            values[i] = (np.float32(taken[i]) - lows[i]) * gains[i]
        for b in range(starts.shape[0]):
            place = (((back * PHASES + phase) * starts.shape[0]) + b) * span * LANES
            blend(flat, (n * n_rows + starts[b],), shares, place, values, (first[back, phase, b],), span)
