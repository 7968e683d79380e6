"""Time-stretch events to images of every view: samples placed by their true phase (specification B.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from acquisition.clipping import count_clipped
from acquisition.event import Event
from acquisition.instrument import Instrument
from reconstruction.batch import Measured, assemble, blank_event, chosen_channels
from reconstruction.features.image import find_object, image_feature_names, image_features
from reconstruction.features.phase import PHASE_FEATURES, no_phase_features, phase_features, phase_object
from reconstruction.images import RELATIVE, CellImages, ImageUnit, Pixels
from reconstruction.motion import FloatImage
from reconstruction.settings import ImageSettings
from reconstruction.speed import SpeedSource
from reconstruction.stacks import new_stacks, one_by_one
from reconstruction.time_stretch.contrasts import Contrast, Contrasts
from reconstruction.time_stretch.ghost import ghost_share
from reconstruction.time_stretch.pictures import LinePictures

OWN_FEATURES = ("length_um", "missing_share", "missing_lines_share", "clipped_share")
"""What is always measured beside the first picture."""


class TimeStretchTransform:
    """See `reconstruction.transform.Transform`.

    Images: every view as `(n, y, x)`, relative to the empty line, all on one grid; see `views_of` for their names. If
    asked for, and the instrument has knife-edge views, what they tell together (`Contrast`). The first row is the
    leading edge's side: y grows along the flow, as on the light sheet. Features are those of the first view, and of the
    phase where it is made.
    """

    def __init__(self, instrument: Instrument, settings: ImageSettings) -> None:
        self.instrument = instrument
        self._gate = settings.gate
        self._pictures = LinePictures(instrument, settings.lines)
        self._contrasts = Contrasts(instrument)
        self._first = self._pictures.names[0]
        self._needed = lru_cache(maxsize=32)(self._views_of)
        self._ghosts = ("ghost_share",) if settings.gate.largest_ghost_share is not None else ()
        names = (*image_feature_names("yx"), *OWN_FEATURES, *self._ghosts)
        self._feature_names = (*names, *(PHASE_FEATURES if Contrast.PHASE in self._contrasts.names else ()))

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the views' images, the first view's first, and of their contrasts."""
        return (*self.live_channels, *self._contrasts.names)

    @property
    def flat_channels(self) -> tuple[str, ...]:
        """All of them are flat."""
        return self.channels

    @property
    def live_channels(self) -> tuple[str, ...]:
        """The views; contrasts can be made of them again at any time."""
        return self._pictures.names

    @property
    def units(self) -> Mapping[str, ImageUnit]:
        """Relative to the empty line, and radians where the phase shows."""
        return dict.fromkeys(self.channels, RELATIVE) | self._contrasts.units

    @property
    def parameters(self) -> str:
        """Reversible identifier of the transform and its settings."""
        grid = self.instrument.grid
        place = f"px={grid.size_px}:um={grid.pixel_um:g}:{self._pictures.parameters}"
        return f"image-time_stretch:{place}:{self._gate.parameters}"

    def warm(self) -> None:
        """Compile every kernel on an empty event."""
        period = self.instrument.sample_rate_hz / self.instrument.time_stretch.line_rate_hz
        self.images([blank_event(self.instrument, period)], self.channels)

    def images(
        self,
        events: Sequence[Event],
        channels: Sequence[str] | None = None,
        cells_first: bool = False,
        pixels: Pixels = Pixels.FLOAT32,
    ) -> CellImages:
        """Make the images of these channels, and measure every event."""
        n = self.instrument.grid.size_px
        names = chosen_channels(channels, self.live_channels, self.channels)
        stacks = new_stacks(dict.fromkeys(names, (n, n)), len(events), pixels)
        events, measured = one_by_one(events, stacks, self.units, cells_first, self._one)
        return assemble(events, measured, stacks, self.instrument.grid.pixel_um, self._feature_names)

    def _one(self, event: Event, images: Mapping[str, FloatImage]) -> Measured:
        pixel_um = self.instrument.grid.pixel_um
        views = self._room_for_views(images)
        first = views[self._first]
        missing = self._pictures.fill(event, views)[self._first]
        if images.keys() - views.keys():
            self._contrasts.make(views, images, pixel_um)
        mask = find_object(first)
        features = image_features(first, mask, pixel_um, "yx")
        um_per_tick = self.instrument.flow_speed_m_s * 1e6 / self.instrument.sample_rate_hz
        features["length_um"] = event.duration_ticks * um_per_tick
        features["missing_share"] = missing.pixels / first.size
        features["missing_lines_share"] = missing.lines_share
        clipped = max(count_clipped(event.window, self.instrument.digitizer).tolist())
        features["clipped_share"] = clipped / max(event.window.shape[0], 1)
        for name in self._ghosts:
            features[name] = float(ghost_share(first, mask.inside, 1.0))
        features |= no_phase_features()
        if Contrast.PHASE in images:
            phase = images[Contrast.PHASE]
            wavelength_nm = self.instrument.time_stretch.wavelength_nm
            features |= phase_features(phase, phase_object(phase), pixel_um, wavelength_nm)
        rejection = self._gate.judge(event.flags, features, mask.touches_edge)
        # One line sees the cell once: its speed cannot be told from its length, so the nominal one stands.
        return Measured(self.instrument.flow_speed_m_s, math.nan, SpeedSource.NOMINAL, rejection, features)

    def _room_for_views(self, images: Mapping[str, FloatImage]) -> dict[str, FloatImage]:
        """Return room for the views to make, the first one first: where they are asked for, the images themselves."""
        n = self.instrument.grid.size_px
        needed = self._needed(tuple(images))
        return {name: images[name] if name in images else np.empty((n, n), dtype=np.float32) for name in needed}

    def _views_of(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Return the views that these images are made of, the first one first."""
        views = dict.fromkeys((self._first, *asked, *self._contrasts.views(asked)))
        return tuple(name for name in views if name in self.live_channels)
