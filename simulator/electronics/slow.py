"""Slow processes as sums of sinusoids: laser drift and lines, mains hum, the wander of a baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_NODES_PER_CYCLE = 64
"""Straight lines between them are right to 0.15 % of the amplitude."""
_LONGEST_STEP = 1024
_WANDER_TAUS_S = np.geomspace(1.0, 60.0, 12)
_WANDER_EDGES_HZ = np.geomspace(2e-4, 20.0, 49)
_DRIFT_PERIODS_H = np.array([0.7, 1.0, 2.3])


@numba.njit(cache=True, nogil=True)
def lerp(nodes: Doubles, step: int, skip: int, out: Floats) -> None:
    """Fill `(n,)` by straight lines between nodes `step` samples apart, beginning `skip` samples after the first."""
    m = 0
    node = skip // step
    inside = skip - node * step
    while m < out.shape[0]:
        count = min(step - inside, out.shape[0] - m)
        rise = (nodes[node + 1] - nodes[node]) / step
        for i in range(count):
            out[m + i] = nodes[node] + rise * (inside + i)
        m += count
        node += 1
        inside = 0


@dataclass(frozen=True, slots=True)
class Tones:
    """A sum of sinusoids, a pure function of the tick.

    Attributes
    ----------
    cycles_per_tick, amplitude, phase
        `(k,)` each; phases in cycles.
    """

    cycles_per_tick: Doubles
    amplitude: Doubles
    phase: Doubles

    @classmethod
    def random(
        cls, cycles_per_tick: Doubles, amplitude: Doubles, rng: np.random.Generator, loop_samples: int | None
    ) -> Tones:
        """Give every tone a random phase; in a loop, whole cycles, so that it closes without a seam."""
        if loop_samples is not None:
            cycles_per_tick = np.rint(cycles_per_tick * loop_samples) / loop_samples
        return cls(cycles_per_tick, amplitude, rng.random(cycles_per_tick.size))

    @property
    def step(self) -> int:
        """Samples between the nodes at which the sinusoids are evaluated."""
        fastest = float(np.max(self.cycles_per_tick, initial=0.0))
        return _LONGEST_STEP if fastest == 0 else min(_LONGEST_STEP, max(1, int(1.0 / (_NODES_PER_CYCLE * fastest))))

    def at(self, ticks: Doubles) -> Doubles:
        """Return the value at each tick."""
        turns = np.mod(ticks[:, None] * self.cycles_per_tick, 1.0) + self.phase
        return np.asarray((self.amplitude * np.sin(2.0 * np.pi * turns)).sum(axis=1))

    def along(self, first_tick: int, n: int) -> Floats:
        """Return `(n,)` values from a tick on."""
        step = self.step
        node = first_tick // step
        ticks = step * np.arange(node, (first_tick + n) // step + 2, dtype=np.float64)
        out = np.empty(n, dtype=np.float32)
        lerp(self.at(ticks), step, first_tick - node * step, out)
        return out


def drift(amplitude: float, sample_rate_hz: float, rng: np.random.Generator, loop_samples: int | None) -> Tones:
    """Drift of a laser: three tones with periods of 0.7 to 2.3 hours (an assumption) and this amplitude together."""
    hz = 1.0 / (3600.0 * _DRIFT_PERIODS_H)
    return Tones.random(hz / sample_rate_hz, np.full(hz.size, amplitude / math.sqrt(hz.size)), rng, loop_samples)


def hum(counts: float, sample_rate_hz: float, rng: np.random.Generator, loop_samples: int | None) -> Tones:
    """Mains hum: 50 Hz of this amplitude, and 150 Hz of 0.3 times it (an assumption)."""
    hz = np.array([50.0, 150.0])
    return Tones.random(hz / sample_rate_hz, counts * np.array([1.0, 0.3]), rng, loop_samples)


def wander(sigma: float, sample_rate_hz: float, rng: np.random.Generator, loop_samples: int | None) -> Tones:
    """Wander of a baseline: the spectrum of Ornstein-Uhlenbeck processes of 1 to 60 s together, tone by tone.

    Every tone has the variance that the processes have in its band, (2 / pi) atan(2 pi f tau) between the band's ends,
    and a random place in it.
    """
    edges = _WANDER_EDGES_HZ
    below = np.arctan(2.0 * np.pi * edges[:, None] * _WANDER_TAUS_S).mean(axis=1)
    variance = np.diff(below) / (below[-1] - below[0])
    hz = edges[:-1] * (edges[1:] / edges[:-1]) ** rng.random(variance.size)
    return Tones.random(hz / sample_rate_hz, sigma * np.sqrt(2.0 * variance), rng, loop_samples)
