"""What differs from pulse to pulse: energy, missing and double pulses, trigger jitter (specification B.4 and B.6).

Everything is drawn by hashing the number of the line, so that a line is the same however the stream is cut.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from simulator.optics.clock import Periods
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup

Doubles = npt.NDArray[np.float64]

DRIFT_REACH = 0.1
"""Brightness drifts by at most this share up and down, then turns (an assumption of the simulation)."""
_MISSING, _DOUBLE, _ECHO_ENERGY, _ECHO_DELAY, _SHIFT, _NOISE = range(6)


class Pulses(NamedTuple):
    """How pulses differ.

    Attributes
    ----------
    key
        Decides every draw.
    noise
        Relative standard deviation of the energy.
    missing, double
        Probabilities.
    shift_samples
        A line may come this much earlier or later, by whole samples.
    drift_per_tick
        How fast the brightness changes at first, relative.
    loop_lines
        Number of lines after which everything repeats; 0 means never.
    """

    key: int
    noise: float
    missing: float
    double: float
    shift_samples: int
    drift_per_tick: float
    loop_lines: int

    @classmethod
    def of(cls, setup: Setup, seed: int, loop_lines: int) -> Pulses:
        """Return the pulses of a setup."""
        defects = setup.stretch
        per_minute = 0.0 if loop_lines else defects.envelope_drift_per_min
        return cls(
            key=int(random_stream(seed, Purpose.OPTICS).integers(1 << 62)),
            noise=setup.laser.pulse_noise,
            missing=defects.missing_pulses,
            double=defects.double_pulses,
            shift_samples=setup.clock.trigger_jitter_samples,
            drift_per_tick=per_minute / 60.0 / setup.instrument.sample_rate_hz,
            loop_lines=loop_lines,
        )


@numba.njit(cache=True, nogil=True, inline="always")
def _uniform(pulses: Pulses, line: int, purpose: int) -> float:
    """Draw a number in (0, 1) for a line and a purpose (splitmix64, Steele et al. 2014)."""
    number = line % pulses.loop_lines if pulses.loop_lines > 0 else line
    state = np.uint64(pulses.key) + np.uint64(number * 8 + purpose + 1) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state = state ^ (state >> np.uint64(31))
    return (float(state >> np.uint64(11)) + 0.5) / 9007199254740992.0


@numba.njit(cache=True, nogil=True)
def pulse_energy(pulses: Pulses, line: int, tick: float) -> float:
    """Energy of a line's pulse that begins at `tick`, 1 on average; 0 where it is missing."""
    if pulses.missing > 0.0 and _uniform(pulses, line, _MISSING) < pulses.missing:
        return 0.0
    energy = 1.0
    if pulses.noise > 0.0:
        radius = math.sqrt(-2.0 * math.log(_uniform(pulses, line, _NOISE)))
        energy += pulses.noise * radius * math.cos(2.0 * math.pi * _uniform(pulses, line, _NOISE + 1))
    if pulses.drift_per_tick > 0.0:
        energy *= 1.0 + DRIFT_REACH * math.sin(pulses.drift_per_tick / DRIFT_REACH * tick)
    return max(energy, 0.0)


@numba.njit(cache=True, nogil=True)
def echo(pulses: Pulses, line: int) -> tuple[float, float]:
    """Energy of a second pulse against the first, 0 where there is none, and its delay in periods.

    It has 0.2 to 0.5 of the energy and comes 0.2 to 0.8 of a period later (an assumption of the simulation).
    """
    if pulses.double <= 0.0 or _uniform(pulses, line, _DOUBLE) >= pulses.double:
        return 0.0, 0.0
    return 0.2 + 0.3 * _uniform(pulses, line, _ECHO_ENERGY), 0.2 + 0.6 * _uniform(pulses, line, _ECHO_DELAY)


@numba.njit(cache=True, nogil=True)
def _shifted(starts: Doubles, first: int, pulses: Pulses) -> Doubles:
    moved = np.empty_like(starts)
    span = 2 * pulses.shift_samples + 1
    for k in range(starts.shape[0]):
        moved[k] = starts[k] + math.floor(_uniform(pulses, first + k, _SHIFT) * span) - pulses.shift_samples
    return moved


def triggered(periods: Periods, pulses: Pulses) -> Doubles:
    """Return the starts of the periods, `(k + 1,)` ticks, each moved by its trigger's jitter."""
    return _shifted(periods.starts, periods.first, pulses) if pulses.shift_samples else periods.starts
