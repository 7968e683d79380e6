"""Where detectors and amplifiers give less than they should: saturation, droop, rails (specification C)."""

from __future__ import annotations

import math

import numba
import numpy as np

from simulator.electronics.stage import Doubles, Floats


@numba.njit(cache=True, nogil=True)
def _saturate(signal: Floats, per_level: float) -> None:
    for m in range(signal.shape[0]):
        signal[m] /= np.float32(1.0) + np.float32(per_level) * max(signal[m], np.float32(0.0))


class Saturation:
    """Soft saturation of the anode, I / (1 + I / I_sat)."""

    def __init__(self, saturation_counts: float) -> None:
        self._per_level = 1.0 / saturation_counts

    def settle(self, level: float) -> float:
        """Return the level that comes out."""
        return level / (1.0 + self._per_level * max(level, 0.0))

    def apply(self, signal: Floats, _first_tick: int) -> None:
        """Bend the signal."""
        _saturate(signal, self._per_level)


@numba.njit(cache=True, nogil=True)
def _droop(signal: Floats, per_level: float, rate: float, mean: Doubles) -> None:
    held = mean[0]
    for m in range(signal.shape[0]):
        held += rate * (signal[m] - held)
        signal[m] /= 1.0 + per_level * max(held, 0.0)
    mean[0] = held


class Droop:
    """The gain falls with the mean current, as 1 / (1 + mean / limit), with a memory of milliseconds."""

    def __init__(self, droop_counts: float, droop_s: float, sample_rate_hz: float) -> None:
        self._per_level = 1.0 / droop_counts
        self._rate = -math.expm1(-1.0 / (droop_s * sample_rate_hz))
        self._mean = np.zeros(1)

    def settle(self, level: float) -> float:
        """Take it that the current has always been this."""
        self._mean[0] = level
        return level / (1.0 + self._per_level * max(level, 0.0))

    def apply(self, signal: Floats, _first_tick: int) -> None:
        """Lower the gain."""
        _droop(signal, self._per_level, self._rate, self._mean)


@numba.njit(cache=True, nogil=True)
def _clamp(signal: Floats, rail: float, keep: float, held: Doubles) -> None:
    """Hold at the rail; `held` is what is left of it above the signal, and whether the signal was there just now."""
    left, over = held[0], held[1]
    for m in range(signal.shape[0]):
        x = signal[m]
        if x >= rail:
            left, over = 0.0, 1.0
            signal[m] = rail
        else:
            left = rail - x if over > 0.0 else left
            over = 0.0
            left *= keep
            signal[m] = min(x + left, rail)
    held[0], held[1] = left, over


class Clamp:
    """A rail: the signal never passes it, and comes back from it with a time constant.

    After the last sample at the rail L the output is x + (L - x0) exp(-t / recovery), x0 being the first sample below.
    """

    def __init__(self, rail_counts: float, recovery_s: float, sample_rate_hz: float) -> None:
        self._rail = rail_counts
        self._keep = math.exp(-1.0 / (recovery_s * sample_rate_hz)) if recovery_s > 0 else 0.0
        self._held = np.zeros(2)

    def settle(self, level: float) -> float:
        """Take it that the signal has always been this."""
        self._held[:] = 0.0, float(level >= self._rail)
        return min(level, self._rail)

    def apply(self, signal: Floats, _first_tick: int) -> None:
        """Hold and recover."""
        _clamp(signal, self._rail, self._keep, self._held)
