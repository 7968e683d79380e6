"""Pictures of the views of an event, all on one grid and all relative to the same laser pulses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from acquisition.block import column
from acquisition.event import Event
from acquisition.folding import PeriodGrid
from acquisition.instrument import Instrument
from reconstruction.deposit import Canvas, FloatImage, Motion
from reconstruction.line_kernels import LineData, PulseGains, ViewSpan, line_image, pulse_gains
from reconstruction.line_views import ViewPlace, dark_level, views_of


class LinePictures:
    """Makes the pictures of a time-stretch instrument's views; see `views_of` for their names."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._um_per_sample = instrument.time_stretch.um_per_sample
        self._views = {view.name: view for view in views_of(instrument)}
        self._first: dict[int, ViewPlace] = {}
        for view in self._views.values():
            self._first.setdefault(view.column, view)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views, the first one first."""
        return tuple(self._views)

    def fill(self, event: Event, pictures: Mapping[str, FloatImage]) -> dict[str, int]:
        """Make pictures of views of an event.

        All views of a line are of one pulse. Its light is measured in the first view of the channel: each view by
        itself would take a part of what a cell shows in it for the pulse's, and slopes between views would be too flat.

        Parameters
        ----------
        event
            With its clock and background.
        pictures
            By name of the view, `(y, x)` float32, written: light relative to the empty line, 1 where nothing stands in
            it. All are on the same grid, whose middle is the trigger and the middle of the view.

        Returns
        -------
        dict
            Pixels that no sample met, by name.
        """
        places = [self._views[name] for name in pictures]
        data = {place.column: self._data(event, place.column) for place in places}
        pulses = {c: pulse_gains(lines, _span(self._first[c])) for c, lines in data.items()}
        return {
            place.name: self._lay(event, place, data[place.column], pulses[place.column], pictures[place.name])
            for place in places
        }

    def _data(self, event: Event, channel: int) -> LineData:
        level = event.background.level[channel]
        dark = np.float32(dark_level(level, self._instrument.time_stretch, event.clock.period_ticks))
        return LineData(
            column(event.window, channel),
            event.background.core_offsets[channel] + dark,
            level - dark,
            PeriodGrid(event.window_tick, event.clock.origin_tick, event.clock.period_ticks),
            float(self._instrument.digitizer.highest),
        )

    def _lay(self, event: Event, place: ViewPlace, data: LineData, pulses: PulseGains, image: FloatImage) -> int:
        um_per_tick = self._instrument.flow_speed_m_s * 1e6 / self._instrument.sample_rate_hz
        motion = Motion(event.trigger_tick, um_per_tick)
        canvas = Canvas(image, np.empty_like(image), self._instrument.grid.pixel_um)
        return int(line_image(data, _span(place), pulses, motion, self._um_per_sample, canvas))


def _span(place: ViewPlace) -> ViewSpan:
    return ViewSpan(place.delay_samples, place.reach_samples)
