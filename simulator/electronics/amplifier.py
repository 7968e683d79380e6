"""From charge to the converter's input: the steps of one channel, in the order of specification C."""

from __future__ import annotations

import numpy as np

from simulator.electronics import slow
from simulator.electronics.filters import RESOLVED_BANDWIDTH, AcCoupling, Echo, LowPass
from simulator.electronics.flicker import Flicker
from simulator.electronics.limits import Clamp, Droop, Saturation
from simulator.electronics.pulses import RESOLVED_SAMPLES, AfterPulses, PulseShape
from simulator.electronics.settings import Detector
from simulator.electronics.stage import Added, Floats, Stage
from simulator.randomness import Purpose, random_stream

_SETTLED_WITH = 4096
"""Samples whose mean the filters are settled with at the start."""
_STREAMS = 4
"""Random streams of a channel: after-pulses, 1/f noise, wander, hum."""


class Amplifier:
    """One channel from the anode to the converter; what it remembers goes on from one stretch to the next.

    A stage that is off, or that the sample rate cannot resolve, is left out: pulses narrower than a sample, an
    amplifier's bandwidth above 0.45 of the sample rate, an echo within one sample.

    Parameters
    ----------
    detector, sample_rate_hz, seed, channel, loop_samples
        As for `Electronics`.
    """

    def __init__(
        self, detector: Detector, sample_rate_hz: float, seed: int, channel: int, loop_samples: int | None = None
    ) -> None:
        streams = [random_stream(seed, Purpose.BASELINE, _STREAMS * channel + k) for k in range(_STREAMS)]
        after, flicker, wander, hum = streams
        d, hz = detector, sample_rate_hz
        self.stages: list[Stage] = []
        if d.after_pulsing:
            self.stages.append(AfterPulses(d, hz, after))
        if d.pulse_s * hz >= RESOLVED_SAMPLES:
            self.stages.append(PulseShape(d.pulse_s, hz))
        if d.saturation_counts:
            self.stages.append(Saturation(d.saturation_counts))
        if d.droop_counts:
            self.stages.append(Droop(d.droop_counts, d.droop_s, hz))
        if d.bandwidth_hz and d.bandwidth_hz < RESOLVED_BANDWIDTH * hz:
            self.stages.append(LowPass(d.bandwidth_hz, d.amplifier_poles, hz))
        if d.flicker_corner_hz and d.noise_counts:
            self.stages.append(Added(Flicker.of(d.noise_counts, d.flicker_corner_hz, hz, flicker, loop_samples)))
        if d.clamp_counts:
            self.stages.append(Clamp(d.clamp_counts, d.recovery_s, hz))
        if d.ac_coupling_hz:
            self.stages.append(AcCoupling(d.ac_coupling_hz, hz))
        if d.undershoot and d.undershoot_s * hz >= 1.0:
            self.stages.append(Echo(d.undershoot, d.undershoot_s, hz))
        if d.baseline_drift_counts:
            self.stages.append(Added(slow.wander(d.baseline_drift_counts, hz, wander, loop_samples)))
        if d.hum_counts:
            self.stages.append(Added(slow.hum(d.hum_counts, hz, hum, loop_samples)))
        self._settled = False

    def apply(self, signal: Floats, first_tick: int) -> None:
        """Change the `(n,)` contiguous counts in place; stretches come in order.

        The first stretch finds the filters as if the mean of its first 4,096 samples had always been there, as light
        is on long before a recording starts.
        """
        if not self._settled:
            level = float(np.mean(signal[:_SETTLED_WITH], dtype=np.float64))
            for stage in self.stages:
                level = stage.settle(level)
            self._settled = True
        for stage in self.stages:
            stage.apply(signal, first_tick)
