"""Light-sheet events to transmission images, and to volumes and flat images of side light (specification A.7)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from acquisition.event import Event
from acquisition.instrument import Instrument, Role
from reconstruction.batch import Measured, assemble, blank_event, chosen_channels, in_columns
from reconstruction.features.channel import channel_features, no_channel_features
from reconstruction.features.image import find_object, image_feature_names, image_features
from reconstruction.images import COUNTS, RELATIVE, ROOTS, CellImages, ImageUnit, Pixels, Rejection
from reconstruction.light_sheet.mapping import SheetMapping, deflector_efficiency
from reconstruction.light_sheet.quality import SheetQuality
from reconstruction.light_sheet.side_by_side import Splitter
from reconstruction.light_sheet.speed_meter import SpeedMeter
from reconstruction.light_sheet.tables import SAMPLE_NOISE
from reconstruction.motion import FloatImage, Motion
from reconstruction.settings import ImageSettings
from reconstruction.stacks import new_stacks, one_by_one

FLAT = "_flat"
"""Ends the name of a side channel's flat image."""


class LightSheetTransform:
    """See `reconstruction.transform.Transform`.

    Images: each transmission channel as `(n, z, y)`, relative to the empty beam; each side-scatter or fluorescence
    channel as `(n, z, y, x)`, counts above background at full deflector efficiency, and under its name with `_flat` as
    `(n, z, y)`, summed along x: 1 plus the signed root of these counts. Where only cells have volumes, only they have
    flat side light too; that of the others is NaN.
    """

    def __init__(self, instrument: Instrument, settings: ImageSettings) -> None:
        optics = instrument.light_sheet
        self.instrument = instrument
        self._optics = optics
        self._gate = settings.gate
        self._quality = SheetQuality(instrument, settings.gate.worst_speed_error)
        self._mapping = SheetMapping(instrument)
        self._meter = SpeedMeter(instrument)
        names = [channel.name for channel in instrument.channels]
        forward = instrument.columns(Role.TRANSMISSION)
        sides = instrument.columns(Role.SIDE_SCATTER) + instrument.columns(Role.FLUORESCENCE)
        # Every transmission channel has its own slit; the last slit serves those that are left.
        self._forward = {names[c]: (c, optics.slits[min(i, len(optics.slits) - 1)].y_um) for i, c in enumerate(forward)}
        self._sides = {names[c]: c for c in sides}
        self._flat_of = {name: name + FLAT for name in self._sides if name + FLAT not in names}
        self._splitter = Splitter(instrument, [*forward, *sides])
        self._unmade = {names[c]: no_channel_features(instrument.channels[c]) for c in sides}
        self._feature_names = (
            *image_feature_names("zy"),
            *(f"{name}_sum" for name in self._sides),
            *(feature for unmade in self._unmade.values() for feature in unmade),
            "speed_residual_um",
            "missing_share",
            "clipped_share",
            *self._quality.names,
        )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the images: transmission, flat side light, volumes."""
        return (*self.flat_channels, *self._sides)

    @property
    def flat_channels(self) -> tuple[str, ...]:
        """Names of the transmission images, and of the flat ones of side light."""
        return (*self._forward, *self._flat_of.values())

    @property
    def live_channels(self) -> tuple[str, ...]:
        """The transmission images."""
        return tuple(self._forward)

    @property
    def units(self) -> Mapping[str, ImageUnit]:
        """Relative to the empty beam, roots of counts, or counts."""
        flat = dict.fromkeys(self._forward, RELATIVE) | dict.fromkeys(self._flat_of.values(), ROOTS)
        return flat | dict.fromkeys(self._sides, COUNTS)

    @property
    def parameters(self) -> str:
        """Reversible identifier of the transform and its settings."""
        grid, speed = self.instrument.grid, self._meter.best_source
        place = f"px={grid.size_px}:um={grid.pixel_um:g}:kriging={SAMPLE_NOISE:g}:speed={speed}"
        return f"image-light_sheet:{place}:{self._gate.parameters}"

    def warm(self) -> None:
        """Compile every kernel on an empty event."""
        period = self.instrument.sample_rate_hz / self._optics.scan.rate_hz
        self.images([blank_event(self.instrument, period)], self.channels)
        self._quality.warm()

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
        shapes = {name: (n, n, n) if name in self._sides else (n, n) for name in names}
        stacks = new_stacks(shapes, len(events), pixels)
        one = partial(self._one, side_of_all=not cells_first)
        events, measured = one_by_one(events, stacks, self.units, cells_first, one)
        return assemble(events, in_columns(measured, self._feature_names), stacks, self.instrument.grid.pixel_um)

    def _one(self, event: Event, images: Mapping[str, FloatImage], *, side_of_all: bool) -> Measured:
        """Make the images of one event in place, and measure it."""
        window, clipped_share = self._splitter.split(event.window)
        event = replace(event, window=window)
        first_name = self.flat_channels[0]
        efficiency = deflector_efficiency(event.background.level[self._forward[first_name][0]])
        energies = {name: self._mapping.energy(event, efficiency, channel) for name, channel in self._sides.items()}
        light = {name: float(energy.sum()) for name, energy in energies.items()}
        brightest = max(light, key=light.__getitem__, default=None)
        column = None if brightest is None else self._sides[brightest]
        fit, others = self._meter.measure_with_neighbours(event, column)
        n = self.instrument.grid.size_px
        first = images.get(first_name, np.zeros((n, n), dtype=np.float32))
        motion = Motion(fit.start_tick, fit.speed_um_per_tick)
        missing = self._mapping.transmission(event, *self._forward[first_name], motion, first)
        for name, image in images.items():
            if name in self._forward and name != first_name:
                self._mapping.transmission(event, *self._forward[name], motion, image)
        pixel_um = self.instrument.grid.pixel_um
        mask = find_object(first)
        features = image_features(first, mask, pixel_um, "zy")
        features |= {f"{name}_sum": total for name, total in light.items()}
        features |= {"speed_residual_um": fit.residual_um, "missing_share": missing / first.size}
        # Most of what passes is debris, and nobody looks at its planes.
        asked = others if features["area_um2"] >= self._gate.smallest_area_um2 else None
        energy = None if brightest is None else energies[brightest]
        features |= self._quality.measure(event, fit, asked, energy, features)
        features["clipped_share"] = clipped_share
        # Without a side channel there is no comb: the nominal speed stands, and only the flat image depends on it.
        speed_error = fit.error_um_per_tick / fit.speed_um_per_tick if self._sides else 0.0
        rejection = self._gate.judge(event.flags, features, mask.touches_edge, speed_error)
        for name, side in self._sides.items():
            features |= self._unmade[name]
            flat, volume = images.get(self._flat_of.get(name, "")), images.get(name)
            if side_of_all or rejection is Rejection.NONE:
                if flat is not None or volume is not None:
                    self._mapping.side(event, efficiency, side, motion, flat, volume)
                if volume is not None:
                    features |= channel_features(self.instrument.channels[side], volume, mask, pixel_um)
            elif flat is not None:
                flat[...] = np.nan
        um_per_s = self.instrument.sample_rate_hz
        error = fit.error_um_per_tick * um_per_s * 1e-6 if math.isfinite(fit.error_um_per_tick) else math.nan
        return Measured(fit.speed_um_per_tick * um_per_s * 1e-6, error, fit.source, rejection, features)
