"""Counts of photoelectrons, and the charge that a multiplier makes of them (specification C)."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from simulator.electronics.noise import Bits, gamma

STRONG = 12.0
"""From this mean on, the charge is drawn as one skewed normal number."""
MOST = 64
"""A weak mean gives fewer photoelectrons than this."""

_PER_ELECTRON = 16
_GUIDES = 64
_LADDER = 48
_U32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_GUIDE_SHIFT = np.uint64(26)
_BY_2_32 = 2.0**-32


def _ladders() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Cumulative Poisson probabilities of every 1/16 electron, times 2^32, and where to enter them."""
    means = np.arange(int(STRONG) * _PER_ELECTRON)[:, None] / _PER_ELECTRON
    numbers = np.arange(_LADDER)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(numbers[1:]))])
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.where(numbers == 0, 0.0, numbers * np.log(means))
    rungs = np.minimum(np.cumsum(np.exp(powers - means - log_factorial), axis=1), 1.0)
    ladder = np.minimum(rungs * 2.0**32, 2.0**32 - 1).astype(np.uint64)
    entries = np.arange(_GUIDES, dtype=np.uint64) << _GUIDE_SHIFT
    guides = np.array([np.searchsorted(row, entries, side="right") for row in ladder])
    return ladder, np.minimum(guides, _LADDER - 1).astype(np.int64)


_RUNGS, _ENTRY = _ladders()


@numba.njit(cache=True, nogil=True)
def poisson(mean: float, bits: np.uint64) -> int:
    """Return the Poisson number, of a mean in [0, STRONG), that belongs to 64 random bits.

    It is the sum of two: one of the mean rounded down to 1/16, by inversion with a guide table (Chen and Asau, 1974),
    and one of the small rest, by inversion.
    """
    row = int(mean * _PER_ELECTRON)
    high, low = bits >> _U32, bits & _LOW
    number = int(_ENTRY[row, np.int64(high >> _GUIDE_SHIFT)])
    while number < _LADDER - 1 and high >= _RUNGS[row, number]:
        number += 1
    rest = mean - row / _PER_ELECTRON
    u = float(low) * _BY_2_32
    if u < 1.0 - rest:  # below exp(-rest), and without computing it
        return number
    term = math.exp(-rest)
    total = term
    more = 0
    while u > total and more < MOST - _LADDER:
        more += 1
        term *= rest / more
        total += term
    return number + more


@numba.njit(cache=True, nogil=True)
def multiplied(number: int, excess: float, z: float, state: Bits) -> float:
    """Return the charge of photoelectrons, in units of the gain, from a normal number z.

    Its mean is `number` and its variance (excess - 1) * number: a gamma number of shape number / (excess - 1), as the
    cube of a normal one (Wilson and Hilferty, PNAS 17, 1931), whose mean is right to 2e-4 and whose variance to 1e-3
    from a shape of 2 on; below that exactly, with numbers from `state`.
    """
    spread = excess - 1.0
    if spread <= 0.0 or number == 0:
        return float(number)
    if number < 2.0 * spread:
        return gamma(number / spread, state) * spread
    ninth = spread / (9.0 * number)
    root = max(0.0, 1.0 - ninth + math.sqrt(ninth) * z)
    return number * root * root * root
