"""An empty period as its samples meet it: templates for every place that samples can have.

The background has `BINS_PER_TICK` bins for every tick, so that all samples of a period stand at the same place within
their bins. A period is then compared with one of `BINS_PER_TICK` rows of the background, sample by sample, which
compiles to vector instructions.
"""

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
Flags = npt.NDArray[np.bool_]
Halves = npt.NDArray[np.int16]

LANES = 32
"""Templates are filled up to a multiple of this many samples: what is left over of a vector loop runs one by one."""
MOST_COUNTS, MOST_AWAY = 130.0, 260.0
"""Background of 8-bit samples with the converter's offsets, and departures of samples from it, counts."""
MARGIN_TICKS = LANES + 2
"""Samples beyond the end of a period that kernels may read, without use."""
FAST = {"reassoc", "nsz", "contract", "arcp"}
"""Sums may be reordered, so that they compile to vector instructions; no value here is infinite or missing."""


class Watched(NamedTuple):
    """The samples of one channel among those of all, as kernels take them.

    `flat` is `(n_samples * n_channels,)`, the channels of a sample beside each other.
    """

    flat: Samples
    n_channels: int
    channel: int
    first_tick: int

    @property
    def n_samples(self) -> int:
        """Samples per channel."""
        return int(self.flat.shape[0]) // self.n_channels


class SmallTemplates(NamedTuple):
    """Templates in whole numbers, for samples of 8 bits: twice as many go through a processor at a time.

    Attributes
    ----------
    mask, level
        `(BINS_PER_TICK * n,)` int16: all bits where a phase counts, and the level in steps of `units[1]`.
    whole, rest
        `(n_cores * BINS_PER_TICK * n,)` int16: `Templates.base` in whole counts, and what is left of it in steps of
        `units[0]`.
    known
        `(2, n_cores * BINS_PER_TICK)`: sum of the squared rests, and of rest times level.
    units
        Counts: no sum of products over a period can leave 32 bits.
    """

    mask: Halves
    level: Halves
    whole: Halves
    rest: Halves
    known: Doubles
    units: tuple[float, float]


class Templates(NamedTuple):
    """An empty period as its samples meet it, from the first active bin on.

    Attributes
    ----------
    first_bin
        Bin at which the templates begin.
    level, active
        `(BINS_PER_TICK, n)` background that a period's brightness is measured along, in whole steps of
        `SmallTemplates.units[1]`, 0 where it does not count, and 1 where it does; row q holds every
        `BINS_PER_TICK`th bin from `first_bin + q` on.
    dark, base
        `(n_cores, BINS_PER_TICK, n)` offsets of the converter, 0 where they do not count, and what it gives for the
        background, counts: by the remainder of the first sample's tick.
    square, n_active
        `(BINS_PER_TICK,)` sum of the squared levels, and number of active samples.
    slope
        `(BINS_PER_TICK, n)` change of the background from tick to tick, counts, 0 where it does not count; `(0, n)`
        where periods keep to their clock, and need no shift of their own.
    steepness
        `(2, BINS_PER_TICK)` sum of the squared slopes, and of slope times level.
    small
        The same for samples of 8 bits.
    """

    first_bin: int
    level: Floats
    active: Floats
    dark: Floats
    base: Floats
    square: Floats
    n_active: Floats
    slope: Floats
    steepness: Floats
    small: SmallTemplates


def padded(span: tuple[int, int]) -> int:
    """Return how many samples cover the bins of `span`, rounded up for vector loops."""
    return LANES * max(1, math.ceil((span[1] - span[0]) / BINS_PER_TICK / LANES))


def new_templates(span: tuple[int, int], n_cores: int, shifting: bool) -> Templates:
    """Return templates for the bins of `span`, still to be filled; `shifting` if each period has a shift of its own."""
    n = padded(span)
    rows = (BINS_PER_TICK, n)
    return Templates(
        span[0],
        np.zeros(rows, np.float32),
        np.zeros(rows, np.float32),
        np.zeros((n_cores, *rows), np.float32),
        np.zeros((n_cores, *rows), np.float32),
        np.ones(BINS_PER_TICK, np.float32),
        np.ones(BINS_PER_TICK, np.float32),
        np.zeros((BINS_PER_TICK if shifting else 0, n), np.float32),
        np.ones((2, BINS_PER_TICK), np.float32),
        _new_small_templates(n_cores, n),
    )


def _new_small_templates(n_cores: int, n: int) -> SmallTemplates:
    most = 2.0**31 / (MOST_AWAY * n)
    units = tuple(2.0 ** -math.floor(math.log2(min(2.0**15, most) / largest)) for largest in (0.5, MOST_COUNTS))
    return SmallTemplates(
        np.zeros(BINS_PER_TICK * n, np.int16),
        np.zeros(BINS_PER_TICK * n, np.int16),
        np.zeros(n_cores * BINS_PER_TICK * n, np.int16),
        np.zeros(n_cores * BINS_PER_TICK * n, np.int16),
        np.zeros((2, n_cores * BINS_PER_TICK)),
        (units[0], units[1]),
    )


@numba.njit(cache=True, nogil=True)
def fill_templates(templates: Templates, level: Floats, active: Flags, offsets: Doubles) -> None:
    """Take over the background `(n_bins,)` of the watched channel and its converter offsets `(n_cores,)`."""
    rows, n = templates.level.shape
    for q in range(rows):
        for i in range(n):
            b = templates.first_bin + q + i * rows
            templates.active[q, i] = 1.0 if b < level.shape[0] and active[b] else 0.0
        templates.n_active[q] = max(templates.active[q].sum(), np.float32(1.0))
    for core in range(offsets.shape[0]):
        for i in range(n):
            dark = offsets[(core + i) % offsets.shape[0]]
            for q in range(rows):
                templates.dark[core, q, i] = dark * templates.active[q, i]
    refresh_templates(templates, level)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def refresh_templates(templates: Templates, level: Floats) -> None:
    """Take over the background `(n_bins,)` of the watched channel where it has moved."""
    rows, n = templates.level.shape
    cores, step = templates.dark.shape[0], np.float32(templates.small.units[1])
    per_step = np.float32(1.0 / templates.small.units[1])
    for q in range(rows):
        row = np.uint64(q)
        square = np.float32(1e-6)
        values = templates.level[row]
        for i in range(min(n, (level.shape[0] - templates.first_bin - q + rows - 1) // rows)):
            at = np.uint64(i)
            values[at] = level[np.uint64(templates.first_bin + q + i * rows)] * templates.active[row, at]
        for core in range(cores):
            base, dark = templates.base[core, q], templates.dark[core, q]
            for i in range(n):
                at = np.uint64(i)
                base[at] = values[at] + dark[at]
        for i in range(n):
            at = np.uint64(i)
            values[at] = np.rint(values[at] * per_step) * step
            square += values[at] * values[at]
        templates.square[q] = square
    _refresh_small(templates)
    if templates.slope.shape[0] > 0:
        _refresh_slope(templates, level)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _refresh_small(templates: Templates) -> None:
    """Bring the whole numbers to what the templates are; those of more than 8 bits do not fit, and are not read."""
    mask, level, whole, rest, known, units = templates.small
    rows, n = templates.level.shape
    most = np.float32(MOST_COUNTS)
    per_unit, per_step = np.float32(1.0 / units[0]), np.float32(1.0 / units[1])
    for q in range(rows):
        levels, active = templates.level[q], templates.active[q]
        row = np.uint64(q * n)
        for i in range(n):
            at = np.uint64(i)
            mask[row + at] = np.int16(-active[at])
            level[row + at] = np.int16(min(max(levels[at], -most), most) * per_step)
        for core in range(templates.base.shape[0]):
            base, start = templates.base[core, q], np.uint64((core * rows + q) * n)
            squares, along = np.float32(0.0), np.float32(0.0)
            for i in range(n):
                at = np.uint64(i)
                value = min(max(base[at], -most), most)
                counts = np.rint(value)
                steps = np.rint((value - counts) * per_unit)
                whole[start + at], rest[start + at] = np.int16(counts), np.int16(steps)
                left = steps * np.float32(units[0])
                squares += left * left
                along += left * levels[at]
            known[0, core * rows + q], known[1, core * rows + q] = squares, along


@numba.njit(cache=True, nogil=True)
def _refresh_slope(templates: Templates, level: Floats) -> None:
    """Take over the slope of the background `(n_bins,)` of the watched channel where it has moved."""
    rows, n = templates.slope.shape
    for q in range(rows):
        square, cross = np.float32(1e-6), np.float32(0.0)
        for i in range(n):
            b = templates.first_bin + q + i * rows
            slope = np.float32(0.0)
            if rows <= b < level.shape[0] - rows:
                slope = np.float32(0.5) * (level[b + rows] - level[b - rows]) * templates.active[q, i]
            templates.slope[q, i] = slope
            square += slope * slope
            cross += slope * templates.level[q, i]
        templates.steepness[0, q], templates.steepness[1, q] = square, cross


@numba.njit(cache=True, nogil=True)
def first_of_period(begin: float, first_bin: int) -> tuple[int, int]:
    """First tick at or after a bin of the period that begins at `begin`, and the row of the templates it meets."""
    first = math.ceil(begin + first_bin / BINS_PER_TICK)
    row = int((first - begin) * BINS_PER_TICK) - first_bin
    return first, min(max(row, 0), BINS_PER_TICK - 1)
