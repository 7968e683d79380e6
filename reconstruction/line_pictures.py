"""Pictures of the views of an event, all on one grid and all relative to the same laser pulses."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from acquisition.block import Samples
from acquisition.block import column as samples_of
from acquisition.event import Event
from acquisition.folding import PeriodGrid
from acquisition.instrument import Instrument
from reconstruction.deposit import FloatImage
from reconstruction.kriging import Doubles
from reconstruction.lanes import LANES
from reconstruction.line_lattice import Lattice, new_lattice, noise_tables, spacing_of
from reconstruction.line_light import DARKEST, EmptyLine, Lit, empty_line, lay_light, pulse_energies
from reconstruction.line_modes import LineMode
from reconstruction.line_pixels import Line, Rows, average_lines, draw_lines, drawn_places, estimate
from reconstruction.line_views import ViewPlace, dark_level, views_of

CONTRAST = 0.05
"""Light that cells take away or add, relative to the empty line, root mean square: what noise is measured against."""
PERIOD_STEP = 2.0**-8
"""Clocks whose lines differ by less than half of it, in samples, share a lattice."""
MARGIN = LANES // 2 + 2
"""Samples beyond the field that its outermost pixels are made of."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one channel of an event that make up its field.

    Attributes
    ----------
    samples
        `(m,)` counts of the window.
    grid
        Where samples and lines lie.
    empty
        What an empty line looks like.
    noise
        Standard deviation of a sample, counts.
    first
        Number of the first line, by the event's clock.
    energies
        `(n,)`: of each line's pulse against the usual one; NaN where a line has no image to give.
    """

    samples: Samples
    grid: PeriodGrid
    empty: EmptyLine
    noise: float
    first: int
    energies: Doubles

    @property
    def missing_share(self) -> float:
        """Share of the lines that have no image to give."""
        return float(np.isnan(self.energies).mean())


class Missing(NamedTuple):
    """What is missing of a picture: pixels that no sample met, and the share of lines without a pulse or with two."""

    pixels: int
    lines_share: float


class LinePictures:
    """Makes pictures of an instrument's views; one instance serves all threads.

    Parameters
    ----------
    instrument
        A time stretch.
    mode
        How lines are made into pictures.
    """

    def __init__(self, instrument: Instrument, mode: LineMode) -> None:
        self.instrument = instrument
        self.mode = mode
        self._views = {view.name: view for view in views_of(instrument)}
        optics, grid = instrument.time_stretch, instrument.grid
        self._um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
        columns_um = (np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um
        self._columns = np.asarray(columns_um / optics.um_per_sample, dtype=np.float64)
        self._half = 0.5 * grid.field_um / optics.um_per_sample + MARGIN
        self._drawing = drawn_places(self._columns)
        self._lattice = lru_cache(maxsize=8)(self._new_lattice)
        self._room = threading.local()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views, the first one first."""
        return tuple(self._views)

    @property
    def parameters(self) -> str:
        """Reversible identifier of how pictures are made."""
        return f"lines={self.mode.value}:darkest={DARKEST:g}:contrast={CONTRAST:g}"

    def fill(self, event: Event, pictures: Mapping[str, FloatImage]) -> dict[str, Missing]:
        """Make pictures of views of an event: what all that is made of views builds on, such as contrasts and phase.

        All views of a line are of one pulse. Its light is measured in the first view of the channel: each view by
        itself would take a part of what a cell shows in it for the pulse's, and slopes between views would be too flat.

        Parameters
        ----------
        event
            With its clock and background.
        pictures
            By name of the view, `(y, x)` float32, contiguous, written: light relative to the empty line, 1 where
            nothing stands in it, and where no sample met a pixel. All are on the same grid, whose middle is the trigger
            and the middle of the view.

        Returns
        -------
        dict
            What is missing, by name.
        """
        views = [self._views[name] for name in pictures]
        lines = {column: self._lines(event, column) for column in {view.column for view in views}}
        return {
            view.name: Missing(
                self._picture(event, lines[view.column], view, pictures[view.name]), lines[view.column].missing_share
            )
            for view in views
        }

    def _lines(self, event: Event, column: int) -> Lines:
        """Measure the pulses of the lines that make up the field, in one channel."""
        background = event.background
        period = event.clock.period_ticks
        grid = PeriodGrid(event.window_tick, event.clock.origin_tick, period)
        views = [view for view in self._views.values() if view.column == column]
        middles = np.array([[0.5 * period + view.delay_samples, view.reach_samples] for view in views])
        samples = samples_of(event.window, column)
        level = background.level[column]
        dark = np.float32(dark_level(level, self.instrument.time_stretch, period))
        empty = empty_line(level - dark, background.core_offsets[column] + dark, period, middles)
        # The views of a line follow each other, so that their rows lie among slightly different lines.
        rows = [self._rows(event, view) for view in views]
        last = self.instrument.grid.size_px - 1
        of_row = math.ceil(0.5 * rows[0].step)
        about = 1 + (of_row if self.mode is LineMode.SIMPLE else self._lattice_of(period).first.shape[1] // 2)
        first = math.floor(min(row.first - last * row.step for row in rows)) - about
        n = math.ceil(max(row.first for row in rows)) + about + 1 - first
        energies = pulse_energies(samples, empty, grid, Lit(*middles[0]), first, n)
        return Lines(samples, grid, empty, float(background.noise[column]), first, energies)

    def _picture(self, event: Event, lines: Lines, view: ViewPlace, image: FloatImage) -> int:
        period = lines.grid.period_ticks
        lit = Lit(0.5 * period + view.delay_samples, view.reach_samples)
        middle = lines.grid.origin_tick + lines.first * period + lit.middle
        base_tick = math.floor(middle - self._half) - 1
        light = self._light(math.ceil(lines.energies.size * period + 2 * self._half) + 2)
        ceiling = float(self.instrument.digitizer.highest)
        lay_light(
            lines.samples, lines.empty, lines.grid, lit, lines.energies, lines.first, (self._half, ceiling),
            base_tick, light,
        )  # fmt: skip
        line = Line(middle - base_tick, period)
        rows = self._rows(event, view)
        rows = Rows(rows.first - lines.first, rows.step)
        if self.mode is LineMode.SIMPLE:
            drawn = np.empty((lines.energies.size, self._columns.size), np.float32)
            draw_lines(light, line, self._drawing, drawn)
            return int(average_lines(drawn, rows, image))
        places = np.asarray(self._columns + lit.middle, dtype=np.float64)
        tables = noise_tables(lines.noise / CONTRAST, lines.empty.inverse, places, period)
        return int(estimate(light, line, rows, self._columns, tables, self._lattice_of(period), image))

    def _rows(self, event: Event, view: ViewPlace) -> Rows:
        """Return where the rows lie among the lines as the event's clock counts them."""
        period, grid = event.clock.period_ticks, self.instrument.grid
        middle = event.clock.origin_tick + 0.5 * period + view.delay_samples
        step = grid.pixel_um / (self._um_per_tick * period)
        return Rows((event.trigger_tick - middle) / period + (grid.size_px / 2 - 0.5) * step, step)

    def _light(self, size: int) -> FloatImage:
        """Return room for the light of a view, which the next view of the thread takes over."""
        room: FloatImage | None = getattr(self._room, "light", None)
        if room is None or room.size < size:
            room = self._room.light = np.empty(size + size // 4, np.float32)
        return room

    def _lattice_of(self, period: float) -> Lattice:
        return self._lattice(round(period / PERIOD_STEP) * PERIOD_STEP)

    def _new_lattice(self, period: float) -> Lattice:
        return new_lattice(self.mode, spacing_of(self.instrument, period))
