"""The laser: how much of its nominal light there is at each tick (specification C)."""

from __future__ import annotations

import math

import numpy as np

from simulator.electronics import slow
from simulator.electronics.settings import Laser
from simulator.electronics.slow import Floats, Tones
from simulator.randomness import Purpose, random_stream


class LaserLight:
    """Relative light of a laser, common to all channels.

    Pulses of a time stretch are drawn line by line where lines are made; this is what changes within and across them.

    Parameters
    ----------
    laser, sample_rate_hz, seed, loop_samples
        As for `Electronics`.
    """

    def __init__(self, laser: Laser, sample_rate_hz: float, seed: int, loop_samples: int | None = None) -> None:
        self.noise = white_noise(laser.rin_db_per_hz, sample_rate_hz)
        """Relative standard deviation of its white noise."""
        self._tones: list[tuple[Tones, float]] = []
        if laser.drift_per_h:
            rng = random_stream(seed, Purpose.LASER)
            drift = slow.drift(laser.drift_per_h, sample_rate_hz, rng, loop_samples)
            # A run starts at nominal light, whatever the phases.
            self._tones.append((drift, float(drift.at(np.zeros(1))[0])))
        if laser.ripple:
            hz, amplitude = np.array(laser.ripple).T
            rng = random_stream(seed, Purpose.LASER, 1)
            self._tones.append((Tones.random(hz / sample_rate_hz, amplitude, rng, loop_samples), 0.0))

    def slow_light(self, first_tick: int, n: int) -> Floats:
        """Return drift and lines from a tick on, `(n,)`, 1 for nominal light; `(0,)` where there are none."""
        if not self._tones:
            return np.empty(0, dtype=np.float32)
        light = np.ones(n, dtype=np.float32)
        for tones, start in self._tones:
            light += tones.along(first_tick, n) - np.float32(start)
        return np.maximum(light, np.float32(0.0))


def white_noise(rin_db_per_hz: float | None, sample_rate_hz: float) -> float:
    """Return the relative standard deviation sqrt(10^(RIN / 10) B) in the sampled band B, half the sample rate."""
    if rin_db_per_hz is None:
        return 0.0
    return math.sqrt(10.0 ** (rin_db_per_hz / 10.0) * 0.5 * sample_rate_hz)
