"""One channel of an event of lines, at once: what its empty line is, what its pulses are, and pictures of its views."""

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
from reconstruction.time_stretch.lattice import Lattice, noise_tables
from reconstruction.time_stretch.light import EmptyLine, Lit, empty_line, lay_light, pulse_energies
from reconstruction.time_stretch.pixels import Drawing, Line, Rows, average_lines, draw_lines, estimate

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


Channel = tuple[Samples, FloatImage, FloatImage]
Clock = tuple[int, float, float, float]


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
    channel: Channel, field: tuple[Doubles, Doubles, float, float], simple: bool,
    drawing: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], FloatImage],
    lattice: tuple[npt.NDArray[np.int64], FloatImage], clock: Clock, noise: float, wanted: npt.NDArray[np.int64],
    light: FloatImage, images: FloatImage, missing: npt.NDArray[np.int64],
) -> float:  # fmt: skip
    """Make pictures of views of one channel; return the share of lines that have no image to give.

    What is handed over are plain tuples, as named ones take longer than the work.

    Parameters
    ----------
    channel
        `(m,)` counts, their background `(n_bins,)`, and what the converter's cores add.
    field
        The parts of `Field`.
    simple, drawing, lattice
        The parts of `Mode`.
    clock
        Ticks of the window's start, of the clock's line 0, of its period, and of the trigger.
    noise
        Standard deviation of a sample, in counts, against the light of cells.
    wanted
        `(w,)`: numbers of the views to make.
    light
        Room for the light of a view: for the lines of the field, and for half of them more on either side.
    images
        `(w, y, x)`, written.
    missing
        `(w,)`, written: pixels that no sample met.
    """
    window_tick, origin_tick, period, trigger_tick = clock
    samples, level, offsets = channel
    places, columns, row_ticks, ceiling = field
    first_sample, before, after = drawing
    first_of_line, shares = lattice
    made = Field(places, columns, row_ticks, ceiling)
    how = Mode(simple, Drawing(first_sample, before, after), Lattice(first_of_line, shares))
    grid, rows, views = PeriodGrid(window_tick, origin_tick, period), images.shape[1], places.copy()
    views[:, 0] += 0.5 * period
    empty = empty_line(level, offsets, period, views)
    first, n = _lines_of(made, how, grid, trigger_tick, rows)
    energies = pulse_energies(samples, empty, grid, Lit(views[0, 0], views[0, 1]), first, n)
    for k in range(wanted.shape[0]):
        lit = Lit(views[wanted[k], 0], views[wanted[k], 1])
        among = _rows(trigger_tick, origin_tick + lit.middle, period, row_ticks, rows)
        among = Rows(among.first - first, among.step)
        missing[k] = _picture(samples, empty, made, how, grid, lit, energies, first, among, noise, light, images[k])
    return float(np.isnan(energies).sum() / n)


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
        drawn = np.empty((energies.shape[0], field.columns.shape[0]), np.float32)
        draw_lines(light, line, mode.drawing, drawn)
        return average_lines(drawn, among, image)
    tables = noise_tables(noise, empty.inverse, field.columns + lit.middle, period)
    return estimate(light, line, among, field.columns, tables, mode.lattice, image)
