"""Pictures of the views of events, all on one grid and all relative to the same laser pulses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument
from reconstruction.images import FloatImages
from reconstruction.kriging import Doubles
from reconstruction.sharing import share_out
from reconstruction.time_stretch.drawing import drawn_places
from reconstruction.time_stretch.event import Field, Mode, Stretches, make_pictures
from reconstruction.time_stretch.lattice import Lattice, new_lattice, spacing_of
from reconstruction.time_stretch.light import DARKEST
from reconstruction.time_stretch.modes import LineMode
from reconstruction.time_stretch.views import ViewPlace, dark_bins, views_of
from reconstruction.windows import clipped_shares, windows_of

CONTRAST = 0.05
"""Light that cells take away or add, relative to the empty line, root mean square: what noise is measured against."""
PERIOD_STEP = 2.0**-8
"""Clocks whose lines differ by less than half of it, in samples, share a lattice."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of `n` events, by name of the view.

    Attributes
    ----------
    images
        `(n, y, x)` float32: light relative to the empty line, 1 where nothing stands in it, and where no sample met a
        pixel. All are on the same grid, whose middle is the trigger and the middle of the view.
    missing
        `(n,)`: pixels that no sample met.
    lines_share
        `(n,)`: share of the lines without a pulse, or with two.
    clipped_share
        `(n,)`: share of the window's samples at the ends of the converter's range.
    """

    images: dict[str, FloatImages]
    missing: dict[str, npt.NDArray[np.int64]]
    lines_share: dict[str, Doubles]
    clipped_share: Doubles


class _Block(NamedTuple):
    """The pictures of one channel: which views, and where they go; see `make_pictures`."""

    column: int
    wanted: npt.NDArray[np.int64]
    images: FloatImages
    missing: npt.NDArray[np.int64]
    shares: Doubles


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
        self._fields = {
            column: Field(np.array([[v.delay_samples, v.reach_samples] for v in views]), columns, row_ticks, ceiling)
            for column, views in by_column.items()
        }
        self._numbers = {view.name: k for views in by_column.values() for k, view in enumerate(views)}
        self._drawing = drawn_places(columns)
        self._mode_of = lru_cache(maxsize=8)(self._new_mode)
        self._dark_of = lru_cache(maxsize=8)(lambda bins: dark_bins(optics, bins / BINS_PER_TICK))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views, the first one first."""
        return tuple(self._views)

    @property
    def parameters(self) -> str:
        """Reversible identifier of how pictures are made."""
        return f"lines={self.mode.value}:darkest={DARKEST:g}:contrast={CONTRAST:g}"

    def make(self, events: Sequence[Event], names: Sequence[str]) -> Pictures:
        """Make pictures of views of events: what all that is made of views builds on, such as contrasts and phase.

        All views of a line are of one pulse. Its light is measured in the first view of the channel: each view by
        itself would take a part of what a cell shows in it for the pulse's, and slopes between views would be too flat.

        Parameters
        ----------
        events
            Of one stream, with their clocks and backgrounds.
        names
            Of the views.
        """
        count, n = len(events), self.instrument.grid.size_px
        pictures = Pictures({}, {}, {}, np.empty(count))
        blocks: list[_Block] = []
        for column in dict.fromkeys(self._views[name].column for name in names):
            of_column = [name for name in names if self._views[name].column == column]
            shape, shares = (len(of_column), count), np.empty(count)
            images, missing = np.empty((*shape, n, n), np.float32), np.empty(shape, np.int64)
            numbers = np.array([self._numbers[name] for name in of_column])
            blocks.append(_Block(column, numbers, images, missing, shares))
            pictures.images.update(zip(of_column, images, strict=True))
            pictures.missing.update(zip(of_column, missing, strict=True))
            pictures.lines_share.update(dict.fromkeys(of_column, shares))
        for (period, bins, _), rows in _alike(events).items():
            few, at = [events[row] for row in rows], np.array(rows)
            mode, dark = self._mode_of(period), self._dark_of(bins)
            share_out(partial(self._make_some, few, at, mode, dark, blocks, pictures.clipped_share), len(few))
        return pictures

    def _make_some(
        self, events: Sequence[Event], rows: npt.NDArray[np.int64], mode: Mode, dark: npt.NDArray[np.bool_],
        blocks: Sequence[_Block], clipped: Doubles, part: slice,
    ) -> None:  # fmt: skip
        """Make the pictures of a part of events whose lattice and background are alike; `rows` are theirs."""
        few, at = events[part], rows[part]
        held = windows_of(few)
        clipped[at] = clipped_shares(held.windows, self.instrument.digitizer)
        for block in blocks:
            make_pictures(
                held.windows, block.column, at, _stretches(few, block.column), self._fields[block.column], mode, dark,
                block.wanted, block.images, block.missing, block.shares,
            )  # fmt: skip

    def _new_mode(self, period: float) -> Mode:
        if self.mode is LineMode.SIMPLE:
            return Mode(True, self._drawing, Lattice(np.zeros((1, 2), np.int64), np.zeros(1, np.float32)))
        return Mode(False, self._drawing, new_lattice(self.mode, spacing_of(self.instrument, period)))


def _alike(events: Sequence[Event]) -> dict[tuple[float, int, int], list[int]]:
    """Return rows of events, by the period of their lattice, whole bins of a line, and bins of the background."""
    rows: dict[tuple[float, int, int], list[int]] = {}
    for row, event in enumerate(events):
        period = event.clock.period_ticks
        key = round(period / PERIOD_STEP) * PERIOD_STEP, int(period * BINS_PER_TICK), event.background.level.shape[1]
        rows.setdefault(key, []).append(row)
    return rows


def _stretches(events: Sequence[Event], column: int) -> Stretches:
    """Return what is known of a channel of events whose backgrounds are equally long."""
    clocks = [
        (event.window_tick, event.clock.origin_tick, event.clock.period_ticks, event.trigger_tick) for event in events
    ]
    backgrounds = [event.background for event in events]
    return Stretches(
        np.array(clocks, np.float64),
        np.array([background.level[column] for background in backgrounds]),
        np.array([background.core_offsets[column] for background in backgrounds]),
        np.array([background.noise[column] for background in backgrounds], np.float64) / CONTRAST,
    )
