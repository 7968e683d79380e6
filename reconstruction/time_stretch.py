"""Time-stretch events to brightfield images: every sample placed by its true phase (specification B.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numba
import numpy as np

from acquisition.block import Samples, column
from acquisition.clipping import count_clipped
from acquisition.event import BINS_PER_TICK, Event
from acquisition.folding import PeriodGrid
from acquisition.instrument import Instrument
from reconstruction.batch import Measured, assemble, blank_event, chosen_channels
from reconstruction.deposit import Canvas, FloatImage, Motion, deposit, settle
from reconstruction.features import find_object, image_feature_names, image_features
from reconstruction.gate import GateSettings
from reconstruction.images import RELATIVE_UNIT, CellImages, Pixels
from reconstruction.line_views import views_of
from reconstruction.speed import SpeedSource
from reconstruction.stacks import new_stacks, one_by_one

DARKEST = 0.05
"""Phases whose background is below this share of its highest level carry no image."""
PULSE_RANGE = 0.15
"""Laser pulses differ by less than this share; ratios further from 1 belong to a cell."""


@numba.njit(cache=True, nogil=True)
def _highest(level: FloatImage, delay: float, reach: float, period_ticks: float) -> float:
    """Highest level within a view."""
    highest = 0.0
    for k in range(int(2 * reach * BINS_PER_TICK)):
        phase = (0.5 * period_ticks + delay - reach + k / BINS_PER_TICK) % period_ticks
        highest = max(highest, level[min(int(phase * BINS_PER_TICK), level.shape[0] - 1)])
    return highest


@numba.njit(cache=True, nogil=True)
def line_image(
    samples: Samples, offsets: FloatImage, level: FloatImage, grid: PeriodGrid, view: tuple[float, float],
    motion: Motion, um_per_sample: float, ceiling: float, canvas: Canvas,
) -> int:  # fmt: skip
    """Lay one view of the lines of a window on the canvas `(y, x)`, relative to the empty line; return pixels not met.

    `view` is its delay and reach; see `ViewPlace`.

    Samples at the converter's `ceiling` are left out: they hold no measurement. The others count by the inverse
    variance of their ratio to the background. Every line is scaled by the median of its ratios near 1, which takes
    the laser's noise from pulse to pulse away.
    """
    first_tick, origin_tick, period_ticks = grid
    image, weights, pixel_um = canvas.total, canvas.weight, canvas.pixel_um
    n_bins = level.shape[0]
    cores = offsets.shape[0]
    rows, cols = image.shape
    half_row = max(1.0, motion.um_per_tick * period_ticks / pixel_um)
    half_col = max(1.0, 0.75 * um_per_sample / pixel_um)
    image[:] = 0.0
    weights[:] = 0.0
    delay, reach = view
    middle_tick = origin_tick + delay + 0.5 * period_ticks
    line = math.floor((first_tick - middle_tick) / period_ticks)
    last = math.ceil((first_tick + samples.shape[0] - middle_tick) / period_ticks) + 1
    ratios = np.empty(int(period_ticks) + 2, dtype=np.float32)
    trusts = np.empty(int(period_ticks) + 2, dtype=np.float32)
    ticks = np.empty(int(period_ticks) + 2, dtype=np.int64)
    highest = _highest(level, delay, reach, period_ticks)
    darkest = DARKEST * highest
    while line < last:
        middle = middle_tick + line * period_ticks
        line += 1
        row = -motion.um_per_tick * (middle - motion.start_tick) / pixel_um + rows / 2 - 0.5
        if row < -half_row or row > rows - 1 + half_row:
            continue
        count = 0
        start = max(math.ceil(middle - reach), first_tick)
        stop = min(math.ceil(middle + reach), first_tick + samples.shape[0])
        for tick in range(start, stop):
            b = min(int((tick - origin_tick) % period_ticks * BINS_PER_TICK), n_bins - 1)
            raw = samples[tick - first_tick]
            if level[b] > darkest and raw < ceiling:
                ratios[count] = (raw - offsets[tick % cores]) / level[b]
                trusts[count] = (level[b] / highest) ** 2
                ticks[count] = tick
                count += 1
        if count == 0:
            continue
        unshaded = ratios[:count][np.abs(ratios[:count] - 1.0) < PULSE_RANGE]
        gain = np.median(unshaded) if unshaded.shape[0] > count // 4 else np.float32(1.0)
        for i in range(count):
            x = (ticks[i] - middle) * um_per_sample
            deposit(ratios[i] / gain, trusts[i], row, x / pixel_um + cols / 2 - 0.5, half_row, half_col, image, weights)
    return settle(image, weights, 1.0)


class TimeStretchTransform:
    """See `reconstruction.transform.Transform`.

    Images: every view as `(n, y, x)`, relative to the empty line, all on one grid; see `views_of` for their names. The
    first row is the leading edge's side: y grows along the flow, as on the light sheet. Features are those of the first
    view.
    """

    def __init__(self, instrument: Instrument, gate: GateSettings) -> None:
        optics = instrument.time_stretch
        self.instrument = instrument
        self._optics = optics
        self._gate = gate
        self._views = {view.name: view for view in views_of(instrument)}
        self._feature_names = (*image_feature_names("yx"), "length_um", "missing_share", "clipped_share")

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the views' images, the first view's first."""
        return tuple(self._views)

    @property
    def flat_channels(self) -> tuple[str, ...]:
        """All of them are flat."""
        return self.channels

    @property
    def parameters(self) -> str:
        """Reversible identifier of the transform and its settings."""
        grid = self.instrument.grid
        place = f"px={grid.size_px}:um={grid.pixel_um:g}:darkest={DARKEST:g}"
        return f"image-time_stretch:{place}:{self._gate.parameters}"

    def warm(self) -> None:
        """Compile every kernel on an empty event."""
        period = self.instrument.sample_rate_hz / self._optics.line_rate_hz
        self.images([blank_event(self.instrument, period)])

    def images(
        self,
        events: Sequence[Event],
        channels: Sequence[str] | None = None,
        cells_first: bool = False,
        pixels: Pixels = Pixels.FLOAT32,
    ) -> CellImages:
        """Make the images of these channels, and measure every event."""
        n = self.instrument.grid.size_px
        names = chosen_channels(channels, self.flat_channels, self.channels)
        stacks = new_stacks(dict.fromkeys(names, (n, n)), len(events), pixels)
        events, measured = one_by_one(events, stacks, dict.fromkeys(names, RELATIVE_UNIT), cells_first, self._one)
        return assemble(events, measured, stacks, self.instrument.grid.pixel_um, self._feature_names)

    def _one(self, event: Event, images: Mapping[str, FloatImage]) -> Measured:
        n = self.instrument.grid.size_px
        pixel_um = self.instrument.grid.pixel_um
        first_name = next(iter(self._views))
        first = images.get(first_name, np.zeros((n, n), dtype=np.float32))
        missing = self.picture(event, first_name, first)
        for name, image in images.items():
            if name != first_name:
                self.picture(event, name, image)
        mask = find_object(first)
        features = image_features(first, mask, pixel_um, "yx")
        um_per_tick = self.instrument.flow_speed_m_s * 1e6 / self.instrument.sample_rate_hz
        features |= {"length_um": event.duration_ticks * um_per_tick, "missing_share": missing / first.size}
        clipped = count_clipped(event.window, self.instrument.digitizer).max() / max(event.window.shape[0], 1)
        features["clipped_share"] = float(clipped)
        rejection = self._gate.judge(event.flags, features, mask.touches_edge)
        # One line sees the cell once: its speed cannot be told from its length, so the nominal one stands.
        return Measured(self.instrument.flow_speed_m_s, math.nan, SpeedSource.NOMINAL, rejection, features)

    def picture(self, event: Event, view: str, image: FloatImage) -> int:
        """Make the picture of one view of an event; return how many of its pixels no sample met.

        Parameters
        ----------
        event
            With its clock and background.
        view
            One of `channels`.
        image
            `(y, x)` float32, written: light relative to the empty line, 1 where nothing stands in it. All views of an
            event are on the same grid, whose middle is the trigger and the middle of the view.
        """
        place = self._views[view]
        return int(
            line_image(
                column(event.window, place.column),
                event.background.core_offsets[place.column],
                event.background.level[place.column],
                PeriodGrid(event.window_tick, event.clock.origin_tick, event.clock.period_ticks),
                (place.delay_samples, place.reach_samples),
                Motion(event.trigger_tick, self.instrument.flow_speed_m_s * 1e6 / self.instrument.sample_rate_hz),
                self._optics.um_per_sample,
                float(self.instrument.digitizer.highest),
                Canvas(image, np.empty_like(image), self.instrument.grid.pixel_um),
            )
        )
