"""What a tube makes of one photoelectron: a pulse of its own shape, and sometimes a second one (specification C)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from simulator.electronics.noise import CHUNK, Bits, fill_normals, random_key, word
from simulator.electronics.photons import STRONG, multiplied, poisson
from simulator.electronics.settings import Detector
from simulator.electronics.stage import Doubles, Floats

AFTER_PULSE_DELAYS_S = (0.2e-6, 5e-6)
"""Between which delays after-pulses come, evenly (an assumption: real tubes favour a delay for each residual gas)."""

RESOLVED_SAMPLES = 1.0
"""A pulse narrower than this at half height is as good as a single sample, and its shape is left out."""

_WIDTH_IN_TAUS = 3.3952
"""Width at half height of t^2 exp(-t)."""


class _Late(NamedTuple):
    """What decides about after-pulses."""

    per_count: float
    """After-pulses to expect from every count of charge within the delays."""
    gain: float
    excess: float
    shortest: int
    """Samples of the shortest delay."""
    numbers: Bits
    normals: Bits


@numba.njit(cache=True, nogil=True)
def _after_pulses(signal: Floats, past: Floats, late: _Late, total: Doubles, first_tick: int) -> None:
    """Add after-pulses; `past` holds the primary charge from the longest delay before the first sample on."""
    newest = past.shape[0] - signal.shape[0] - late.shortest
    radius, turn = np.empty(CHUNK // 2, dtype=np.float32), np.empty(CHUNK // 2, dtype=np.float32)
    z, state = np.empty(CHUNK, dtype=np.float32), np.empty(1, dtype=np.uint64)
    chunk = -1
    for m in range(signal.shape[0]):
        tick = first_tick + m
        if tick // CHUNK != chunk:
            chunk = tick // CHUNK
            fill_normals(late.normals, chunk, radius, turn, z)
        total[0] += past[m + newest]
        mean = max(late.per_count * total[0], 0.0)
        total[0] -= past[m]
        if mean >= STRONG:
            signal[m] += late.gain * (mean + math.sqrt(late.excess * mean) * z[tick % CHUNK])
        elif mean > 0.0:
            bits = word(late.numbers, tick)
            number = poisson(mean, bits)
            if number > 0:
                state[0] = bits
                signal[m] += late.gain * multiplied(number, late.excess, z[tick % CHUNK], state)


class AfterPulses:
    """After every photoelectron another one with a small probability, 0.2 to 5 us later.

    After-pulses of independent photoelectrons are a Poisson process, whose rate at a sample is the charge that came
    between the two delays before it. Which come is drawn from the tick alone, so that a loop closes. After-pulses have
    no after-pulses here.

    Parameters
    ----------
    detector, sample_rate_hz
        What tube, and how it is sampled.
    rng
        Draws the keys of the channel's random sequences.
    """

    def __init__(self, detector: Detector, sample_rate_hz: float, rng: np.random.Generator) -> None:
        shortest, longest = (max(1, round(delay_s * sample_rate_hz)) for delay_s in AFTER_PULSE_DELAYS_S)
        gain = detector.counts_per_photoelectron
        per_count = detector.after_pulsing / (gain * (longest - shortest + 1))
        self._late = _Late(per_count, gain, detector.excess_noise, shortest, random_key(rng), random_key(rng))
        self._probability = detector.after_pulsing
        self._past: Floats = np.zeros(longest, dtype=np.float32)
        self._total = np.zeros(1)

    def settle(self, level: float) -> float:
        """Take it that this charge has always come with every sample."""
        self._past[:] = level
        # The sum over the delays, short of the newest sample, which the kernel adds first.
        self._total[0] = float(self._past[self._late.shortest :].astype(np.float64).sum())
        return level * (1.0 + self._probability)

    def apply(self, signal: Floats, first_tick: int) -> None:
        """Add what comes after earlier photoelectrons."""
        past = np.concatenate([self._past, signal])
        _after_pulses(signal, past, self._late, self._total, first_tick)
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
