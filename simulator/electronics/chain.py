"""From light to counts: shot noise, excess noise, read noise, converter (specification C)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Chain(NamedTuple):
    """Detectors, amplifiers and converter; arrays of one value per channel, `core_offsets` of one per core, counts."""

    gain: Doubles
    excess: Doubles
    read_noise: Doubles
    core_offsets: Doubles
    lowest: int
    highest: int


NORMAL_ABOVE = 30.0
"""Above this mean a Poisson number is drawn as a normal one."""


@numba.njit(cache=True, nogil=True)
def _poisson(mean: float, rng: np.random.Generator) -> float:
    """Draw by inversion: one uniform number, walked up the cumulative distribution."""
    term = math.exp(-mean)
    total = term
    u = rng.random()
    k = 0
    while u > total and k < 200:
        k += 1
        term *= mean / k
        total += term
    return float(k)


@numba.njit(cache=True, nogil=True)
def digitize(
    light: Floats, first_tick: int, chain: Chain, rng: np.random.Generator, counts: npt.NDArray[np.int16]
) -> None:
    """Turn mean photoelectrons `(n, channels)` into counts of the same shape.

    A detector of gain G and excess noise F gives the mean G N and the variance F G^2 N (specification C).
    """
    gain, excess, read_noise, core_offsets, lowest, highest = chain
    cores = core_offsets.shape[0]
    for m in range(light.shape[0]):
        offset = core_offsets[(first_tick + m) % cores]
        for c in range(light.shape[1]):
            mean = light[m, c]
            if mean > NORMAL_ABOVE:
                spread = math.sqrt(excess[c] * mean) * gain[c]
                value = gain[c] * mean
                sigma = math.sqrt(spread * spread + read_noise[c] * read_noise[c])
            else:
                electrons = _poisson(max(mean, 0.0), rng)
                value = gain[c] * electrons
                extra = (excess[c] - 1.0) * electrons * gain[c] * gain[c]
                sigma = math.sqrt(extra + read_noise[c] * read_noise[c])
            value += sigma * rng.standard_normal() + offset
            counts[m, c] = min(max(math.floor(value + 0.5), lowest), highest)
