"""Linear steps of an amplifier: its bandwidth, its coupling, its echo (specification C and B.4)."""

from __future__ import annotations

import math

import numba
import numpy as np

from simulator.electronics.stage import Doubles, Floats

RESOLVED_BANDWIDTH = 0.45
"""A bandwidth above this share of the sample rate changes next to nothing that is sampled, and is left out."""

_TWO_POLES = math.sqrt(math.sqrt(2.0) - 1.0)
"""-3 dB point of two equal poles, in units of the pole's own."""


@numba.njit(cache=True, nogil=True)
def _low_pass(signal: Floats, take: float, keep: float, held: Doubles) -> None:
    before, after = held[0], held[1]
    for m in range(signal.shape[0]):
        x = signal[m]
        after = take * (x + before) + keep * after
        before = x
        signal[m] = after
    held[0], held[1] = before, after


class LowPass:
    """The bandwidth of an amplifier: one pole, or two equal ones, with the -3 dB point where it is asked for.

    A pole is made by the bilinear transform, bent so that this point is exact at any sample rate. Its zero at half the
    sample rate stands in for the anti-alias filter.
    """

    def __init__(self, bandwidth_hz: float, poles: int, sample_rate_hz: float) -> None:
        k = math.tan(math.pi * bandwidth_hz / sample_rate_hz) / (1.0 if poles == 1 else _TWO_POLES)
        self._take, self._keep = k / (1.0 + k), (1.0 - k) / (1.0 + k)
        self._held = np.zeros((poles, 2))

    def settle(self, level: float) -> float:
        """Take it that the signal has always been this."""
        self._held[:] = level
        return level

    def apply(self, signal: Floats, _first_tick: int) -> None:
        """Filter in place."""
        for held in self._held:
            _low_pass(signal, self._take, self._keep, held)


@numba.njit(cache=True, nogil=True)
def _high_pass(signal: Floats, take: float, keep: float, held: Doubles) -> None:
    before, after = held[0], held[1]
    for m in range(signal.shape[0]):
        x = signal[m]
        after = take * (x - before) + keep * after
        before = x
        signal[m] = after
    held[0], held[1] = before, after


class AcCoupling:
    """A one-pole high-pass with an exact -3 dB point, by the bilinear transform; the mean of the signal is lost."""

    def __init__(self, corner_hz: float, sample_rate_hz: float) -> None:
        k = math.tan(math.pi * corner_hz / sample_rate_hz)
        self._take, self._keep = 1.0 / (1.0 + k), (1.0 - k) / (1.0 + k)
        self._held = np.zeros(2)

    def settle(self, level: float) -> float:
        """Take it that the signal has always had this mean."""
        self._held[:] = level, 0.0
        return 0.0

    def apply(self, signal: Floats, _first_tick: int) -> None:
        """Filter in place."""
        _high_pass(signal, self._take, self._keep, self._held)


class Echo:
    """The swing below the baseline that follows a pulse, as an inverted echo of it.

    On the real ATOM record (specification B.4) the baseline is back at 0 within 24 samples of the pulse's peak, and
    41 samples after it goes down by 7.6 counts over as many samples as the pulse is wide: a reflection in the cable,
    which no filter with few poles draws. The signal becomes x(t) - depth * x(t - delay), between samples by straight
    lines.
    """

    def __init__(self, depth: float, delay_s: float, sample_rate_hz: float) -> None:
        delay = delay_s * sample_rate_hz
        self._whole = math.floor(delay)
        self._near = np.float32(depth * (1.0 - (delay - self._whole)))
        self._far = np.float32(depth * (delay - self._whole))
        self._depth = depth
        self._past: Floats = np.zeros(self._whole + 1, dtype=np.float32)

    def settle(self, level: float) -> float:
        """Take it that the signal has always been this."""
        self._past[:] = level
        return level * (1.0 - self._depth)

    def apply(self, signal: Floats, _first_tick: int) -> None:
        """Take the echo from the signal."""
        n = signal.shape[0]
        past = np.concatenate([self._past, signal])
        signal -= self._near * past[1 : 1 + n]
        signal -= self._far * past[:n]
        self._past = past[n:].copy()
