"""From light to counts, in the order of specification C: laser, detectors, amplifiers, converter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from simulator.electronics.amplifier import Amplifier
from simulator.electronics.converter import AnalogDigital
from simulator.electronics.detector import detect, frame_keys, tubes
from simulator.electronics.laser import LaserLight
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]


class Electronics:
    """Everything between the light and the samples of a setup.

    Parameters
    ----------
    setup
        Laser, detectors and converter.
    seed
        Decides every random number.
    loop_samples
        Length after which everything slow repeats; None for a stream without end. A loop is seamless where `amplify` is
        given the loop's last stretch before its first one, to settle its filters.
    """

    def __init__(self, setup: Setup, seed: int, loop_samples: int | None = None) -> None:
        digitizer, detectors = setup.instrument.digitizer, setup.detectors
        hz = digitizer.sample_rate_hz
        self._seed = seed
        self._laser = LaserLight(setup.laser, hz, seed, loop_samples)
        self._tubes = tubes(detectors, hz)
        self._amplifiers = [Amplifier(d, hz, seed, c, loop_samples) for c, d in enumerate(detectors)]
        self._converter = AnalogDigital(digitizer, setup.converter, [d.noise_counts for d in detectors])

    def detect(self, light: Floats, frame: int, first_tick: int) -> Floats:
        """Return the charge, counts, that mean photoelectrons `(n, channels)` release: laser noise and all statistics.

        A pure function of its arguments: frames may be made in any order and by any thread, and a shorter frame is the
        beginning of a longer one.
        """
        charge = np.empty(light.shape, dtype=np.float32)
        keys = frame_keys(random_stream(self._seed, Purpose.DETECTION, frame))
        slow_light = self._laser.slow_light(first_tick, light.shape[0])
        detect(np.ascontiguousarray(light), slow_light, self._laser.noise, self._tubes, keys, charge)
        return charge

    def amplify(self, signal: Floats, first_tick: int) -> Floats:
        """Return what reaches the converter, made in place from charge `(n, channels)`; stretches come in order."""
        for c, amplifier in enumerate(self._amplifiers):
            if amplifier.stages:
                channel = np.ascontiguousarray(signal[:, c])
                amplifier.apply(channel, first_tick)
                signal[:, c] = channel
        return signal

    def convert(self, signal: Floats, frame: int, first_tick: int) -> Samples:
        """Return a signal `(n, channels)` as counts, with amplifier and converter noise; pure, as `detect` is.

        The amplifier's white noise is that within the sampled band, and is drawn together with the converter's own.
        """
        rng = random_stream(self._seed, Purpose.CONVERSION, frame)
        return self._converter.convert(np.ascontiguousarray(signal), first_tick, rng)
