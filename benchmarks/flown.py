"""What flows through the simulated atom-4g one after the other, and what the line makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from acquisition.block import Block, Samples
from acquisition.detection import detector_for
from acquisition.event import Event
from simulator.arrivals import Arrival
from simulator.cells.ball import BallSpecimen
from simulator.cells.specimen import MEDIUM_INDEX, Specimen
from simulator.electronics.chain import Electronics
from simulator.optics.time_stretch import TimeStretchModel
from simulator.presets import setup_preset
from simulator.setup import Setup

PRESET = "atom-4g"
FIRST_LINE, LINES_APART = 1300, 700
"""The detector learns on the first 1024 lines; 700 lines are 58 um of flow."""
STILL = {
    "laser.pulse_noise": 0.0,
    "laser.rin_db_per_hz": None,
    "clock.jitter_s": 0.0,
    "optics.defocus_um": 0.0,
    "detectors.0.photoelectrons": 1e9,
    "detectors.0.counts_per_photoelectron": 110.0 / 1e9,
    # A converter that nothing shakes repeats its rounding from line to line, which no detector can learn on.
    "detectors.0.noise_counts": 0.5,
    "converter.enob": None,
    "converter.jitter_s": 0.0,
}
"""No noise but half a count, and best focus on the axis."""


@dataclass(frozen=True)
class Place:
    """Where and how fast something flows: um off the axes, and speed relative to the nominal one."""

    x_um: float = 0.0
    z_um: float = 0.0
    speed: float = 1.0


@dataclass(frozen=True)
class Flown:
    """A stretch of samples, what flowed, and the events that were found, each with what it is of."""

    setup: Setup
    samples: Samples
    arrivals: tuple[Arrival, ...]
    events: tuple[Event, ...]

    def arrival_of(self, event: Event) -> Arrival:
        """Return what came closest to an event."""
        return min(self.arrivals, key=lambda arrival: abs(arrival.tick - event.trigger_tick))

    def empty_events(self) -> list[Event]:
        """Windows half-way between two things that flow, with clock and background of the event before."""
        found = []
        for event in self.events:
            away = round(0.5 * LINES_APART * event.clock.period_ticks)
            first = event.window_tick + away
            last = first + event.window.shape[0]
            if last <= self.samples.shape[0]:
                window = self.samples[first:last]
                tick = event.trigger_tick + away
                found.append(replace(event, trigger_tick=tick, window_tick=first, window=window))
        return found


def sphere(diameter_um: float, index_step: float) -> BallSpecimen:
    """Return a sphere that delays light and scatters none to the side."""
    return BallSpecimen("sphere", diameter_um, MEDIUM_INDEX + index_step, np.empty((0, 4), dtype=np.float32))


def atom_setup(still: bool = False) -> Setup:
    """Return the setup, with its noise and defects or `still`."""
    setup = setup_preset(PRESET)
    return setup.changed(STILL) if still else setup


def flown(setup: Setup, specimens: Sequence[Specimen], places: Sequence[Place], seed: int) -> Flown:
    """Let specimens flow one after the other, each at a random phase of the samples, and find them."""
    model, rng = TimeStretchModel(setup, seed), np.random.default_rng(seed)
    period = model.clock.period_ticks
    light = np.empty((round((FIRST_LINE + LINES_APART * (len(specimens) + 0.5)) * period), 1), dtype=np.float32)
    model.empty(0, light)
    arrivals = []
    for k, (specimen, place) in enumerate(zip(specimens, places, strict=True)):
        tick = (FIRST_LINE + LINES_APART * k + rng.random()) * period
        speed_m_s = setup.instrument.flow_speed_m_s * place.speed
        arrivals.append(Arrival(k + 1, specimen, tick, speed_m_s, place.x_um, place.z_um))
        model.shadow(arrivals[-1]).lay(0, light)
    electronics = Electronics(setup, seed)
    samples = electronics.convert(electronics.amplify(electronics.detect(light, 0, 0), 0), 0, 0)
    detector = detector_for(setup.instrument)
    events = detector.push(Block(samples, 0)) + detector.flush()
    return Flown(setup, samples, tuple(arrivals), tuple(events))
