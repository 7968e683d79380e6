"""One channel of many events of lines, at once: what the empty line is, what pulses are, and pictures of the views."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.folding import PeriodGrid
from reconstruction.kriging import Doubles
from reconstruction.motion import FloatImage
from reconstruction.time_stretch.drawing import Drawing, average_lines, draw_lines
from reconstruction.time_stretch.lattice import Lattice, noise_tables
from reconstruction.time_stretch.light import EmptyLine, Lit, empty_line, lay_light, pulse_energies
from reconstruction.time_stretch.pixels import Line, Rows, estimate
from reconstruction.time_stretch.views import dark_level
from reconstruction.windows import Windows, window_at

MARGIN = 6
"""Samples beyond the field that its outermost pixels are made of."""


class Field(NamedTuple):
    """What is the same for every event of an instrument.

    Attributes
    ----------
    views
        `(v, 2)`: of every view of the channel, samples from the middle of the first, and how far it reaches.
    columns
        `(x,)`: places of the pixels, in samples from the middle of a view.
    row_ticks
        Ticks from a row to the next.
    ceiling
        Counts at which the converter is at its end.
    """

    views: Doubles
    columns: Doubles
    row_ticks: float
    ceiling: float


class Mode(NamedTuple):
    """How pixels are made: straight from `drawing` if `simple`, and of the `lattice` if not; the other is not read."""

    simple: bool
    drawing: Drawing
    lattice: Lattice


class Stretches(NamedTuple):
    """What is known of the `n` events of a batch, beside their windows.

    Attributes
    ----------
    ticks
        `(n, 4)`: of the window's start, of the clock's line 0, of a line's length, and of the trigger.
    levels
        `(n, n_bins)` counts, background of the channel.
    offsets
        `(n, cores)` counts, what the converter's cores add.
    noises
        `(n,)` standard deviation of a sample, in counts, against the light of cells.
    """

    ticks: Doubles
    levels: FloatImage
    offsets: FloatImage
    noises: Doubles


@numba.njit(cache=True, nogil=True)
def _rows(trigger_tick: float, middle_tick: float, period: float, row_ticks: float, rows: int) -> Rows:
    """Where rows lie among the lines, of a view with its middle at this tick of the clock's line 0."""
    step = row_ticks / period
    return Rows((trigger_tick - middle_tick) / period + (rows / 2 - 0.5) * step, step)


@numba.njit(cache=True, nogil=True)
def _lines_of(field: Field, mode: Mode, grid: PeriodGrid, trigger_tick: float, rows: int) -> tuple[int, int]:
    """Return the first line, by the event's clock, and the number of lines that make up the field of all views."""
    first, last = math.inf, -math.inf
    step = field.row_ticks / grid.period_ticks
    about = 1 + (math.ceil(0.5 * step) if mode.simple else mode.lattice.first.shape[1] // 2)
    for v in range(field.views.shape[0]):
        middle_tick = grid.origin_tick + 0.5 * grid.period_ticks + field.views[v, 0]
        among = _rows(trigger_tick, middle_tick, grid.period_ticks, field.row_ticks, rows)
        first, last = min(first, among.first - (rows - 1) * step), max(last, among.first)
    start = math.floor(first) - about
    return start, math.ceil(last) + about + 1 - start


@numba.njit(cache=True, nogil=True, error_model="numpy")
def make_pictures(
    windows: Windows, column: int, rows: npt.NDArray[np.int64], stretches: Stretches, field: Field, mode: Mode,
    dark: npt.NDArray[np.bool_], wanted: npt.NDArray[np.int64], images: FloatImage, missing: npt.NDArray[np.int64],
    shares: Doubles,
) -> None:  # fmt: skip
    """Make pictures of views of one channel of many events.

    Parameters
    ----------
    windows, column, stretches
        The `m` events, and which channel of their windows.
    rows
        `(m,)`: which pictures are theirs.
    dark
        Bins of the background that no view reaches.
    wanted
        `(w,)`: numbers of the views to make.
    images
        `(w, n, y, x)`, written.
    missing
        `(w, n)`, written: pixels that no sample met.
    shares
        `(n,)`, written: share of lines that have no image to give.
    """
    light, size = np.empty(0, np.float32), images.shape[2]
    for k in range(rows.shape[0]):
        window_tick, origin_tick, period, trigger_tick = stretches.ticks[k]
        window = window_at(windows, k)
        samples = window if windows.channels == 1 else window[column :: windows.channels].copy()
        dark_counts = np.float32(dark_level(stretches.levels[k], dark))
        level, offsets = stretches.levels[k] - dark_counts, stretches.offsets[k] + dark_counts
        views = field.views.copy()
        views[:, 0] += 0.5 * period
        grid, empty = PeriodGrid(int(window_tick), origin_tick, period), empty_line(level, offsets, period, views)
        first, n = _lines_of(field, mode, grid, trigger_tick, size)
        energies = pulse_energies(samples, empty, grid, Lit(views[0, 0], views[0, 1]), first, n)
        room = int(n * period + 2.0 * (field.columns[-1] + MARGIN)) + 8
        if light.shape[0] < room:
            light = np.empty(room, np.float32)
        for w in range(wanted.shape[0]):
            lit = Lit(views[wanted[w], 0], views[wanted[w], 1])
            among = _rows(trigger_tick, origin_tick + lit.middle, period, field.row_ticks, size)
            among = Rows(among.first - first, among.step)
            missing[w, rows[k]] = _picture(
                samples, empty, field, mode, grid, lit, energies, first, among, stretches.noises[k], light,
                images[w, rows[k]],
            )  # fmt: skip
        shares[rows[k]] = np.isnan(energies).sum() / n


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _picture(
    samples: Samples, empty: EmptyLine, field: Field, mode: Mode, grid: PeriodGrid, lit: Lit, energies: Doubles,
    first: int, among: Rows, noise: float, light: FloatImage, image: FloatImage,
) -> int:  # fmt: skip
    """Make the picture of one view from lines of known energies; return how many pixels are missing."""
    period, half = grid.period_ticks, field.columns[-1] + MARGIN
    middle = grid.origin_tick + first * period + lit.middle
    base_tick = math.floor(middle - half) - 1
    lay_light(samples, empty, grid, lit, energies, first, (half, field.ceiling), base_tick, light)
    line = Line(middle - base_tick, period)
    if mode.simple:
        drawn = np.empty((energies.shape[0], mode.drawing.before.shape[1]), np.float32)
        draw_lines(light, line, mode.drawing, drawn)
        return average_lines(drawn, among, image)
    tables = noise_tables(noise, empty.inverse, field.columns + lit.middle, period)
    return estimate(light, line, among, field.columns, tables, mode.lattice, image)
