"""Pictures of the views of an event, all on one grid and all relative to the same laser pulses."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from acquisition.block import column as samples_of
from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument
from reconstruction.motion import FloatImage
from reconstruction.time_stretch.event import MARGIN, make_pictures
from reconstruction.time_stretch.lattice import Longs, new_lattice, spacing_of
from reconstruction.time_stretch.light import DARKEST
from reconstruction.time_stretch.modes import LineMode
from reconstruction.time_stretch.pixels import drawn_places
from reconstruction.time_stretch.views import ViewPlace, dark_bins, dark_level, views_of

CONTRAST = 0.05
"""Light that cells take away or add, relative to the empty line, root mean square: what noise is measured against."""
PERIOD_STEP = 2.0**-8
"""Clocks whose lines differ by less than half of it, in samples, share a lattice."""


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
        columns_um = (np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um
        columns = np.asarray(columns_um / optics.um_per_sample, dtype=np.float64)
        row_ticks = grid.pixel_um / (instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz)
        ceiling = float(instrument.digitizer.highest)
        by_column: dict[int, list[ViewPlace]] = {}
        for view in self._views.values():
            by_column.setdefault(view.column, []).append(view)
        self._columns = {
            column: (np.array([[v.delay_samples, v.reach_samples] for v in views]), columns, row_ticks, ceiling)
            for column, views in by_column.items()
        }
        self._numbers = {view.name: k for views in by_column.values() for k, view in enumerate(views)}
        first, before, after = drawn_places(columns)
        self._drawing = (first, before, after)
        self._lattice_of = lru_cache(maxsize=8)(self._new_lattice)
        self._dark_of = lru_cache(maxsize=8)(lambda bins: dark_bins(optics, bins / BINS_PER_TICK))
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
        missing = {}
        for column in dict.fromkeys(self._views[name].column for name in pictures):
            names = [name for name in pictures if self._views[name].column == column]
            found, lines_share, images = self._make(event, column, [self._numbers[name] for name in names])
            for name, pixels, image in zip(names, found, images, strict=True):
                pictures[name][:] = image
                missing[name] = Missing(pixels, lines_share)
        return missing

    def _make(self, event: Event, column: int, wanted: list[int]) -> tuple[list[int], float, FloatImage]:
        """Make pictures of these views of a channel; they are the thread's room, which the next ones take over."""
        background, period = event.background, event.clock.period_ticks
        field, lattice = self._columns[column], self._lattice_of(round(period / PERIOD_STEP) * PERIOD_STEP)
        level = background.level[column]
        dark = np.float32(dark_level(level, self._dark_of(int(period * BINS_PER_TICK))))
        channel = (samples_of(event.window, column), level - dark, background.core_offsets[column] + dark)
        clock = (event.window_tick, event.clock.origin_tick, period, event.trigger_tick)
        light, images = self._light(self._light_size(period, lattice)), self._images(len(wanted))
        missing = np.empty(len(wanted), np.int64)
        share = make_pictures(
            channel, field, self.mode is LineMode.SIMPLE, self._drawing, lattice, clock,
            float(background.noise[column]) / CONTRAST, np.array(wanted), light, images, missing,
        )  # fmt: skip
        return missing.tolist(), share, images

    def _light_size(self, period: float, lattice: tuple[Longs, FloatImage]) -> int:
        """Return how many samples the lines of the field have, of all views together, and those about it."""
        delays = [view.delay_samples for view in self._views.values()]
        _, columns, row_ticks, _ = next(iter(self._columns.values()))
        rows_ticks = columns.size * row_ticks + max(delays) - min(delays)
        lines = lattice[0].shape[1] + row_ticks / period + 6
        across = 2.0 * (float(columns[-1]) + MARGIN)
        return int(rows_ticks + lines * period + across) + 5

    def _light(self, size: int) -> FloatImage:
        """Return room for the light of a view."""
        room: FloatImage | None = getattr(self._room, "light", None)
        if room is None or room.size < size:
            room = self._room.light = np.empty(size + size // 4, np.float32)
        return room

    def _images(self, count: int) -> FloatImage:
        """Return room for so many pictures."""
        room: FloatImage | None = getattr(self._room, "images", None)
        if room is None:
            n = self.instrument.grid.size_px
            room = self._room.images = np.empty((len(self._views), n, n), np.float32)
        return room[:count]

    def _new_lattice(self, period: float) -> tuple[Longs, FloatImage]:
        if self.mode is LineMode.SIMPLE:
            return np.zeros((1, 2), np.int64), np.zeros(1, np.float32)
        first, shares = new_lattice(self.mode, spacing_of(self.instrument, period))
        return first, shares
