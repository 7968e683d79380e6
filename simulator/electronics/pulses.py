"""What a tube makes of one photoelectron: a pulse of its own shape, and sometimes a second one (specification C)."""

from __future__ import annotations

import math

import numba
import numpy as np

from simulator.electronics.noise import Bits, normal, word
from simulator.electronics.photons import STRONG, multiplied, poisson
from simulator.electronics.settings import Detector
from simulator.electronics.stage import Doubles, Floats

AFTER_PULSE_DELAYS_S = (0.2e-6, 5e-6)
"""Between which delays after-pulses come, evenly (an assumption: real tubes favour a delay for each residual gas)."""

RESOLVED_SAMPLES = 1.0
"""A pulse narrower than this at half height is as good as a single sample, and its shape is left out."""

_WIDTH_IN_TAUS = 3.3952
"""Width at half height of t^2 exp(-t)."""


@numba.njit(cache=True, nogil=True)
def _after_pulses(
    signal: Floats, past: Floats, shortest: int, total: Doubles, per_count: float, gain: float, excess: float,
    key: Bits, first_tick: int,
) -> None:  # fmt: skip
    """Add after-pulses; `past` holds the primary charge from the longest delay before the first sample on."""
    longest = past.shape[0] - signal.shape[0]
    state = np.empty(1, dtype=np.uint64)
    for m in range(signal.shape[0]):
        total[0] += past[m + longest - shortest]
        mean = max(per_count * total[0], 0.0)
        total[0] -= past[m]
        bits = word(key, first_tick + m)
        state[0] = bits
        if mean < STRONG:
            number = poisson(mean, bits)
            if number > 0:
                z = normal(state) if excess > 1.0 else 0.0
                signal[m] += gain * multiplied(number, excess, z, state)
        else:
            signal[m] += gain * (mean + math.sqrt(excess * mean) * normal(state))


class AfterPulses:
    """After every photoelectron another one with a small probability, 0.2 to 5 us later.

    After-pulses of independent photoelectrons are a Poisson process, whose rate at a sample is the charge that came
    between the two delays before it. Which come is drawn from the tick alone, so that a loop closes. After-pulses have
    no after-pulses here.

    Parameters
    ----------
    detector, sample_rate_hz
        What tube, and how it is sampled.
    key
        Random sequence of the channel.
    """

    def __init__(self, detector: Detector, sample_rate_hz: float, key: Bits) -> None:
        self._shortest, self._longest = (round(s * sample_rate_hz) for s in AFTER_PULSE_DELAYS_S)
        self._shortest = max(1, self._shortest)
        self._longest = max(self._shortest, self._longest)
        self._gain = detector.counts_per_photoelectron
        self._excess = detector.excess_noise
        self._probability = detector.after_pulsing
        self._key = key
        self._past: Floats = np.zeros(self._longest, dtype=np.float32)
        self._total = np.zeros(1)

    def settle(self, level: float) -> float:
        """Take it that this charge has always come with every sample."""
        self._past[:] = level
        # The sum over the delays, short of the newest sample, which the kernel adds first.
        self._total[0] = float(self._past[self._shortest :].astype(np.float64).sum())
        return level * (1.0 + self._probability)

    def apply(self, signal: Floats, first_tick: int) -> None:
        """Add what comes after earlier photoelectrons."""
        past = np.concatenate([self._past, signal])
        delays = self._longest - self._shortest + 1
        per_count = self._probability / (self._gain * delays)
        _after_pulses(
            signal, past, self._shortest, self._total, per_count, self._gain, self._excess, self._key, first_tick
        )
        self._past = past[signal.shape[0] :].copy()


@numba.njit(cache=True, nogil=True)
def _spread(signal: Floats, keep: float, held: Doubles) -> None:
    """Run three equal one-pole filters, one behind the other."""
    a, b, c = held[0], held[1], held[2]
    take = 1.0 - keep
    for m in range(signal.shape[0]):
        a = keep * a + take * signal[m]
        b = keep * b + take * a
        c = keep * c + take * b
        signal[m] = c
    held[0], held[1], held[2] = a, b, c


class PulseShape:
    """Spreads every photoelectron's charge over a pulse t^2 exp(-t / tau), whose charge stays the same.

    Its rise takes a third of its width at half height, 0.7 ns of 2 ns, as fast tubes do.
    """

    def __init__(self, pulse_s: float, sample_rate_hz: float) -> None:
        self._keep = math.exp(-_WIDTH_IN_TAUS / (pulse_s * sample_rate_hz))
        self._held = np.zeros(3)

    def settle(self, level: float) -> float:
        """Take it that this charge has always come."""
        self._held[:] = level
        return level

    def apply(self, signal: Floats, _first_tick: int) -> None:
        """Spread the charge."""
        _spread(signal, self._keep, self._held)
