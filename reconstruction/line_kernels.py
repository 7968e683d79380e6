"""Kernels of the time stretch: samples to ratios to the empty line, pulse energies and pictures (specification B.3)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK
from acquisition.folding import PeriodGrid
from reconstruction.deposit import Canvas, FloatImage, Motion, deposit, settle

DARKEST = 0.05
"""Phases whose background is below this share of its highest level carry no image."""
PULSE_RANGE = 0.15
"""Laser pulses differ by less than this share; ratios further from 1 belong to a cell."""


class LineData(NamedTuple):
    """One channel of a window of lines, and what an empty line of it looks like.

    Attributes
    ----------
    samples
        `(n,)` raw counts.
    offsets
        `(cores,)` float32, counts.
    level
        `(n_bins,)` float32, counts, see `acquisition.event.Background`.
    grid
        Where samples and lines lie.
    ceiling
        Highest count of the converter.
    """

    samples: Samples
    offsets: FloatImage
    level: FloatImage
    grid: PeriodGrid
    ceiling: float


class ViewSpan(NamedTuple):
    """Where a view lies in a line, samples; see `reconstruction.line_views.ViewPlace`."""

    delay: float
    reach: float


class PulseGains(NamedTuple):
    """Light of the laser's pulses, relative to the empty line: number of the first line, and `(n_lines,)` float32."""

    first_line: int
    gains: FloatImage


@numba.njit(cache=True, nogil=True)
def _highest(level: FloatImage, view: ViewSpan, period_ticks: float) -> float:
    """Highest level within a view."""
    highest = 0.0
    for k in range(int(2 * view.reach * BINS_PER_TICK)):
        phase = (0.5 * period_ticks + view.delay - view.reach + k / BINS_PER_TICK) % period_ticks
        highest = max(highest, level[min(int(phase * BINS_PER_TICK), level.shape[0] - 1)])
    return highest


@numba.njit(cache=True, nogil=True)
def _ratios(
    data: LineData, middle: float, reach: float, highest: float, ratios: FloatImage, trusts: FloatImage,
    places: FloatImage,
) -> int:  # fmt: skip
    """Write the ratios to the empty line about a view's `middle`; return how many there are.

    Samples at the converter's ceiling are left out: they hold no measurement. The others count by the inverse variance
    of their ratio to the background, `trusts`. `places` are samples from the middle.
    """
    first_tick, origin_tick, period_ticks = data.grid
    level, darkest = data.level, DARKEST * highest
    count = 0
    start = max(math.ceil(middle - reach), first_tick)
    stop = min(math.ceil(middle + reach), first_tick + data.samples.shape[0])
    for tick in range(start, stop):
        b = min(int((tick - origin_tick) % period_ticks * BINS_PER_TICK), level.shape[0] - 1)
        raw = data.samples[tick - first_tick]
        if level[b] > darkest and raw < data.ceiling:
            ratios[count] = (raw - data.offsets[tick % data.offsets.shape[0]]) / level[b]
            trusts[count] = (level[b] / highest) ** 2
            places[count] = tick - middle
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def pulse_gains(data: LineData, view: ViewSpan) -> PulseGains:
    """Measure the light of every pulse in one view: the median of its ratios near 1, or 1 where few are."""
    first_tick, origin_tick, period_ticks = data.grid
    middle_tick = origin_tick + view.delay + 0.5 * period_ticks
    first = math.floor((first_tick - middle_tick) / period_ticks)
    last = math.ceil((first_tick + data.samples.shape[0] - middle_tick) / period_ticks) + 1
    size = int(2 * view.reach) + 2
    ratios, trusts, places = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    highest = _highest(data.level, view, period_ticks)
    gains = np.ones(last - first, dtype=np.float32)
    for line in range(first, last):
        middle = middle_tick + line * period_ticks
        count = _ratios(data, middle, view.reach, highest, ratios, trusts, places)
        unshaded = ratios[:count][np.abs(ratios[:count] - 1.0) < PULSE_RANGE]
        if unshaded.shape[0] > count // 4:
            gains[line - first] = np.median(unshaded)
    return PulseGains(first, gains)


@numba.njit(cache=True, nogil=True)
def line_image(
    data: LineData, view: ViewSpan, pulses: PulseGains, motion: Motion, um_per_sample: float, canvas: Canvas
) -> int:
    """Lay one view of the lines on the canvas `(y, x)`, relative to the empty line and to its pulse.

    Returns
    -------
    int
        Pixels that no sample met.
    """
    first_tick, origin_tick, period_ticks = data.grid
    image, weights, pixel_um = canvas.total, canvas.weight, canvas.pixel_um
    rows, cols = image.shape
    half_row = max(1.0, motion.um_per_tick * period_ticks / pixel_um)
    half_col = max(1.0, 0.75 * um_per_sample / pixel_um)
    image[:] = 0.0
    weights[:] = 0.0
    middle_tick = origin_tick + view.delay + 0.5 * period_ticks
    first = math.floor((first_tick - middle_tick) / period_ticks)
    last = math.ceil((first_tick + data.samples.shape[0] - middle_tick) / period_ticks) + 1
    size = int(2 * view.reach) + 2
    ratios, trusts, places = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    highest = _highest(data.level, view, period_ticks)
    for line in range(first, last):
        middle = middle_tick + line * period_ticks
        row = -motion.um_per_tick * (middle - motion.start_tick) / pixel_um + rows / 2 - 0.5
        if row < -half_row or row > rows - 1 + half_row:
            continue
        count = _ratios(data, middle, view.reach, highest, ratios, trusts, places)
        k = line - pulses.first_line
        gain = pulses.gains[k] if 0 <= k < pulses.gains.shape[0] else np.float32(1.0)
        for i in range(count):
            col = places[i] * um_per_sample / pixel_um + cols / 2 - 0.5
            deposit(ratios[i] / gain, trusts[i], row, col, half_row, half_col, image, weights)
    return settle(image, weights, 1.0)
