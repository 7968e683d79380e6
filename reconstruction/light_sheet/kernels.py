"""Kernels of the light sheet: samples to scan energies, planes and transmission image (specification A.7, 4 to 6)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from reconstruction.light_sheet.line_planes import LINES, LINES_BEFORE, lay_plane
from reconstruction.light_sheet.scan_lines import Correction, RowTable, ScanClock, bin_of, by_sample, lay_lines
from reconstruction.motion import FloatImage, Motion

Doubles = npt.NDArray[np.float64]


class Tables(NamedTuple):
    """How samples make up lines, and lines planes."""

    rows: RowTable
    lines: FloatImage
    triangle: bool


class Room(NamedTuple):
    """Room to work in: the samples of a scan, `(k,)`; lines, `(n, z)`; which of them are there; a plane, `(y, z)`."""

    values: FloatImage
    lines: FloatImage
    met: npt.NDArray[np.bool_]
    plane: FloatImage


class Grid(NamedTuple):
    """Pixels along y, and their edge, um."""

    n_px: int
    pixel_um: float


def lines_needed(grid: Grid, least_um_per_scan: float) -> int:
    """Lines that one passage of a cell is made of."""
    return math.ceil(grid.n_px * grid.pixel_um / least_um_per_scan) + LINES + 2


@numba.njit(cache=True, nogil=True)
def _sums(values: FloatImage) -> Doubles:
    """Add up a background by sample, `(BINS_PER_TICK, k)`, over its first columns, `(BINS_PER_TICK, k + 1)`."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    for q in range(values.shape[0]):
        for k in range(values.shape[1]):
            sums[q, k + 1] = sums[q, k] + values[q, k]
    return sums


@numba.njit(cache=True, nogil=True, inline="always")
def _between(sums: Doubles, start: int, begin: float, first_tick: float, count: int) -> float:
    """Add up `count` samples of a background, from the one at `start` on; see `bin_of`."""
    q, k = bin_of(start, begin, first_tick)
    return float(sums[q, k + count] - sums[q, k])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def scan_energy(
    samples: Samples, level: FloatImage, efficiency: FloatImage, clock: ScanClock, forward_delay: float, duty: float,
    first_scan: int, n_scans: int,
) -> Doubles:  # fmt: skip
    """Mean light above background of each scan's active part, `(n_scans,)`, at full efficiency.

    `samples` is one `(n,)` channel; `level` and `efficiency` are `(n_bins,)`, of its own empty scan and of that of a
    channel that comes `forward_delay` ticks late.
    """
    length = math.ceil(clock.period) + 3
    lows, low_tick = by_sample(level, clock.period, clock.delay, length)
    shares, share_tick = by_sample(efficiency, clock.period, forward_delay, length)
    levels, efficiencies = _sums(lows), _sums(shares)
    share_tick += clock.delay - forward_delay
    energy = np.zeros(n_scans)
    for n in range(n_scans):
        begin = clock.origin_row + (first_scan + n) * clock.period
        start = max(0, math.ceil(begin + clock.delay))
        stop = min(samples.shape[0], math.ceil(begin + clock.delay + duty * clock.period))
        if stop <= start:
            continue
        total, part = np.int32(0), samples[start:stop]
        for m in range(part.shape[0]):
            total += np.int32(part[m])
        background = _between(levels, start, begin, low_tick, stop - start)
        energy[n] = (total - background) / _between(efficiencies, start, begin, share_tick, stop - start)
    return energy


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _passage(
    samples: Samples, correction: Correction, clock: ScanClock, motion: Motion, passed: tuple[float, float, float],
    tables: Tables, grid: Grid, room: Room, plane: FloatImage,
) -> int:  # fmt: skip
    """Make the `plane` `(y, z)` of a cell that passes a pinhole or slit; return the columns without a line.

    `passed` is where that stands along the flow, um, and the path of the cell, um, from which and up to which it is
    the one looked through. `motion` starts at a row of the window.
    """
    y, near, far = passed
    um_per_scan = motion.um_per_tick * clock.period
    # The leading edge passes first: pixels run against time.
    middle = (motion.start_tick - clock.origin_row) / clock.period + y / um_per_scan
    step = -grid.pixel_um / um_per_scan
    latest = middle - 0.5 * (grid.n_px - 1) * step
    earliest = latest + (grid.n_px - 1) * step
    first = math.floor(earliest) - LINES_BEFORE
    n = math.floor(latest) - first + LINES - LINES_BEFORE
    # A scan belongs to the pinhole that the cell is nearest to in its middle.
    wanted = (
        math.ceil(max(middle + (near - y) / um_per_scan, first) - 0.5),
        math.ceil(min(middle + (far - y) / um_per_scan, first + n) - 0.5) - 1,
    )
    lines, met = room.lines[:n], room.met[:n]
    lay_lines(samples, correction, clock, tables.triangle, first, wanted, tables.rows, room.values, lines, met)
    return lay_plane(lines, met, first, (latest, step), tables.lines, plane)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def side_planes(
    samples: Samples, level: FloatImage, efficiency: FloatImage, clock: ScanClock, forward_delay: float,
    motion: Motion, mask_y: Doubles, places: npt.NDArray[np.int64], tables: Tables, grid: Grid, room: Room,
    planes: FloatImage,
) -> None:  # fmt: skip
    """Make the planes `(n_pinholes, y, z)` of one `(n,)` channel, counts above background at full efficiency.

    Pinhole i makes plane `places[i]`. For `level`, `efficiency` and `forward_delay` see `scan_energy`.
    """
    length = math.ceil(clock.period) + 3
    lows, low_tick = by_sample(level, clock.period, clock.delay, length)
    gains, gain_tick = by_sample((1.0 / efficiency).astype(np.float32), clock.period, forward_delay, length)
    correction = Correction(lows, low_tick, gains, gain_tick + clock.delay - forward_delay)
    last = mask_y.shape[0] - 1
    for i in range(last + 1):
        near = 0.5 * (mask_y[i - 1] + mask_y[i]) if i > 0 else -np.inf
        far = 0.5 * (mask_y[i] + mask_y[i + 1]) if i < last else np.inf
        passed = (mask_y[i], near, far)
        _passage(samples, correction, clock, motion, passed, tables, grid, room, planes[places[i]])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def transmission_image(
    samples: Samples, level: FloatImage, clock: ScanClock, motion: Motion, slit_y: float, tables: Tables, grid: Grid,
    unseen: npt.NDArray[np.bool_], room: Room, image: FloatImage,
) -> int:  # fmt: skip
    """Make the transmission `(z, y)` of one `(n,)` channel, relative to the empty beam of `level` `(n_bins,)`.

    `unseen` `(z,)` tells the rows that the scan does not reach. Returns the pixels that no sample met.
    """
    length = math.ceil(clock.period) + 3
    lows, low_tick = by_sample(np.maximum(level, np.float32(1.0)), clock.period, clock.delay, length)
    correction = Correction(lows, low_tick, (1.0 / lows).astype(np.float32), low_tick)
    missing = _passage(
        samples, correction, clock, motion, (slit_y, -np.inf, np.inf), tables, grid, room, room.plane
    )  # fmt: skip
    seen = image.shape[0]
    for z in range(image.shape[0]):
        seen -= unseen[z]
        for y in range(image.shape[1]):
            image[z, y] = np.float32(1.0) + room.plane[y, z]
    return int(image.size - seen * (image.shape[1] - missing))
