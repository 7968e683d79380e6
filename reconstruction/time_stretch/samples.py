"""The samples of a window of lines that hold an image: where they lie, what they say, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from acquisition.event import BINS_PER_TICK, ClockState, Event
from acquisition.instrument import Digitizer, Instrument
from reconstruction.time_stretch.views import ViewPlace
from reconstruction.time_stretch.warp_kernels import Seen

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DARKEST = 0.05
"""Phases with less than this share of the brightest background's light carry no image."""
ECHO = 0.1
"""Light of this share of the brightest, where there should be none, is that of a second pulse."""
ROOM = 0.85
"""Of the converter's range, which no pulse's energy lifts to its end."""
CLEARANCE = 1.5
"""Lines are empty from so many half lengths of a trigger on: diffraction reaches a little beyond it."""


@dataclass(frozen=True)
class LineSamples:
    """Samples of a window that hold an image, `(n,)` each.

    Attributes
    ----------
    seen
        Places and ratios to the empty line, not corrected for the pulses' energies; trust 1 at the brightest phase.
    line
        Number of each sample's line, from 0, in order.
    phase
        Bin of each sample's place in the line, from 0, `BINS_PER_TICK` to a tick.
    empty
        True where nothing that was noticed stands in the line.
    """

    seen: Seen
    line: npt.NDArray[np.int64]
    phase: npt.NDArray[np.int64]
    empty: Flags

    @property
    def lines(self) -> int:
        """Lines up to the last that holds a sample."""
        return int(self.line.max(initial=-1)) + 1

    def only(self, take: Flags) -> LineSamples:
        """Return only these samples."""
        seen = Seen(*(part[take] for part in self.seen))
        return LineSamples(seen, self.line[take], self.phase[take], self.empty[take])


class _Places(NamedTuple):
    """Place of every row of a window: number of its line from 0, and ticks after the middle of the view in it."""

    line: npt.NDArray[np.int64]
    after: Doubles


def lit_samples(event: Event, instrument: Instrument, view: ViewPlace) -> LineSamples:
    """Choose the samples of one view that hold a measurement, and lay them on the grid by their true phase.

    Left out are samples beyond the field, at dark phases, at the ends of the converter's range, and at phases where the
    empty line itself reaches that end.
    """
    digitizer, grid = instrument.digitizer, instrument.grid
    ticks = event.window_tick + np.arange(event.window.shape[0])
    clock, column, reach = event.clock, view.column, view.reach_samples
    places = _places(ticks, clock, view)
    level = _level(event, column, ticks)
    dark = level < DARKEST * level.max(initial=0.0)
    # Behind a pulse detectors swing: before it is where no light is.
    still = dark & (places.after < 0)
    dark_level = float(np.median(level[still])) if still.any() else 0.0
    inside = np.abs(places.after) <= reach
    brightest = float(level[inside].max(initial=0.0)) - dark_level
    offsets = event.background.core_offsets[column]
    signal = event.window[:, column] - offsets[ticks % offsets.size].astype(np.float64)
    # A second pulse of the laser is no lift.
    lift = _lifts(places.line, signal - level, still & (np.abs(signal - level) < ECHO * brightest))
    light = (level - dark_level) / max(brightest, 1e-9)
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    middle = grid.size_px / 2 - 0.5
    row = middle - um_per_tick * (ticks - event.trigger_tick) / grid.pixel_um
    col = middle + places.after * instrument.time_stretch.um_per_sample / grid.pixel_um
    take = (light > DARKEST) & ~dark & inside
    take &= (row >= 0) & (row <= grid.size_px - 1) & (col >= 0) & (col <= grid.size_px - 1)
    take &= _measured(event, column, ticks, digitizer)
    value = (signal - lift[places.line] - dark_level)[take] / (brightest * light[take])
    parts = (part.astype(np.float32) for part in (row[take], col[take], value, light[take] ** 2))
    phase = ((places.after[take] + reach) * BINS_PER_TICK).astype(np.int64)
    return LineSamples(Seen(*parts), places.line[take], phase, _empty(event, ticks[take]))


def _places(ticks: npt.NDArray[np.int64], clock: ClockState, view: ViewPlace) -> _Places:
    turns = (ticks - clock.origin_tick - view.delay_samples) / clock.period_ticks
    number = np.floor(turns)
    line = number.astype(np.int64)
    return _Places(line - (line[0] if line.size else 0), (turns - number - 0.5) * clock.period_ticks)


def _empty(event: Event, ticks: npt.NDArray[np.int64]) -> Flags:
    """Which ticks are so far from every trigger that the lines there are empty."""
    empty = np.ones(ticks.shape, dtype=np.bool_)
    for centre, length in ((event.trigger_tick, event.duration_ticks), *event.neighbours):
        empty &= np.abs(ticks - centre) > 0.5 * CLEARANCE * length
    return empty


def _level(event: Event, column: int, ticks: npt.NDArray[np.int64]) -> Doubles:
    """Background at the true phase of every row, `(n,)` counts, between the middles of its bins."""
    known = event.background.level[column].astype(np.float64)
    return np.asarray(np.interp(_bins(event, ticks), np.arange(known.size), known))


def _bins(event: Event, ticks: npt.NDArray[np.int64]) -> Doubles:
    """Place of every row among the bins of the background, whose middles are whole numbers."""
    phase = (ticks - event.clock.origin_tick) % event.clock.period_ticks
    return np.asarray(phase * BINS_PER_TICK - 0.5, dtype=np.float64)


def _lifts(line: npt.NDArray[np.int64], above: Doubles, dark: Flags) -> Doubles:
    """By how much each line stands above the empty one where it is dark, `(lines,)` counts.

    What couples the detector to the converter follows the light of the lines before, and a body takes light away.
    """
    lines = int(line.max(initial=-1)) + 1
    met = np.bincount(line[dark], minlength=lines)
    lifts = np.bincount(line[dark], weights=above[dark], minlength=lines) / np.maximum(met, 1)
    return np.asarray(lifts, dtype=np.float64)


def _measured(event: Event, column: int, ticks: npt.NDArray[np.int64], digitizer: Digitizer) -> Flags:
    """Which samples the converter had room for."""
    raw, background = event.window[:, column], event.background
    highest = background.level[column] + background.core_offsets[column].max() + 2 * background.noise[column]
    full = highest >= digitizer.highest
    bins = _bins(event, ticks)
    below = np.clip(np.floor(bins).astype(np.int64), 0, full.size - 1)
    above = np.clip(below + 1, 0, full.size - 1)
    # Where the empty line is at the converter's end there is nothing to compare with. Next to there, of bright pixels
    # only what weak pulses show would be left.
    compared = ~(full[below] & full[above]) & ~((full[below] | full[above]) & (raw > ROOM * digitizer.highest))
    return np.asarray((raw < digitizer.highest) & (raw > digitizer.lowest) & compared, dtype=np.bool_)
