"""Time-stretch events to images of every view: samples placed by their true phase (specification B.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from acquisition.event import Event
from acquisition.instrument import Instrument
from reconstruction.batch import Measures, assemble, blank_event, chosen_channels
from reconstruction.features.image import Objects, image_feature_names, measure_objects
from reconstruction.features.phase import PHASE_FEATURES, phase_features, phase_object
from reconstruction.gate import GATED
from reconstruction.images import RELATIVE, CellImages, FloatImages, ImageUnit, Pixels, Rejection
from reconstruction.kriging import Doubles
from reconstruction.motion import FloatImage
from reconstruction.settings import ImageSettings
from reconstruction.speed import SpeedSource
from reconstruction.stacks import ordered
from reconstruction.time_stretch.contrasts import Contrast, Contrasts
from reconstruction.time_stretch.ghost import ghost_share
from reconstruction.time_stretch.pictures import LinePictures, Pictures

_OF_LINES = ("length_um", "missing_share", "missing_lines_share", "clipped_share")
"""Features of the lines that an image is made of."""


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
        phases = PHASE_FEATURES if Contrast.PHASE in self._contrasts.names else ()
        self._features = (*image_feature_names("yx"), *_OF_LINES, *self._ghosts, *phases)
        self._gated = {name: row for row, name in enumerate(self._features) if name in GATED}

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
        names = chosen_channels(channels, self.live_channels, self.channels)
        made = self._pictures.make(events, self._needed(names))
        images = {name: made.images[name] for name in names if name in made.images}
        images |= self._contrasts_of(made, [name for name in names if name not in images])
        found = measure_objects(made.images[self._first], self.instrument.grid.pixel_um, "yx")
        features = self._measured(events, made, found, images)
        gated = features[list(self._gated.values())].T.tolist()
        reasons = [
            self._gate.judge(event.flags, dict(zip(self._gated, values, strict=True)), at_edge)
            for event, values, at_edge in zip(events, gated, found.touches_edge.tolist(), strict=True)
        ]
        count = len(events)
        rows = list(range(count))
        if cells_first:
            rows.sort(key=lambda row: reasons[row] is not Rejection.NONE)
        measures = Measures(
            # One line sees the cell once: its speed cannot be told from its length, so the nominal one stands.
            np.full(count, self.instrument.flow_speed_m_s, np.float32),
            np.full(count, np.nan, np.float32),
            (SpeedSource.NOMINAL,) * count,
            tuple(reasons[row] for row in rows),
            dict(zip(self._features, features.take(rows, axis=1).astype(np.float32), strict=True)),
        )
        stacks = ordered({name: images[name] for name in names}, self.units, pixels, rows)
        return assemble([events[row] for row in rows], measures, stacks, self.instrument.grid.pixel_um)

    def _contrasts_of(self, made: Pictures, names: Sequence[str]) -> dict[str, FloatImages]:
        """Make these contrasts of the views of every event."""
        images = {name: np.empty_like(made.images[self._first]) for name in names}
        for row in range(len(made.clipped_share) if names else 0):
            views = {name: stack[row] for name, stack in made.images.items()}
            self._contrasts.make(
                views, {name: stack[row] for name, stack in images.items()}, self.instrument.grid.pixel_um
            )
        return images

    def _measured(
        self, events: Sequence[Event], made: Pictures, found: Objects, images: Mapping[str, FloatImages]
    ) -> Doubles:
        """Return every feature of every event, `(m, n)`, in the order of `_features`."""
        first, of_image = made.images[self._first], found.features.shape[1]
        um_per_tick = self.instrument.flow_speed_m_s * 1e6 / self.instrument.sample_rate_hz
        features = np.full((len(self._features), len(events)), np.nan)
        features[:of_image] = found.features.T
        length, missing, missing_lines, clipped, *others = features[of_image:]
        length[:] = [event.duration_ticks for event in events]
        length *= um_per_tick
        missing[:] = made.missing[self._first] / (first.shape[1] * first.shape[2])
        missing_lines[:] = made.lines_share[self._first]
        clipped[:] = made.clipped_share
        if self._ghosts:
            others[0][:] = [ghost_share(*pair, 1.0) for pair in zip(first, found.inside, strict=True)]
        for row, phase in enumerate(images.get(Contrast.PHASE, ())):
            features[-len(PHASE_FEATURES) :, row] = tuple(self._phase(phase).values())
        return features

    def _phase(self, phase: FloatImage) -> dict[str, float]:
        wavelength_nm = self.instrument.time_stretch.wavelength_nm
        return phase_features(phase, phase_object(phase), self.instrument.grid.pixel_um, wavelength_nm)

    def _views_of(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Return the views that these images are made of, the first one first."""
        views = dict.fromkeys((self._first, *asked, *self._contrasts.views(asked)))
        return tuple(name for name in views if name in self.live_channels)
