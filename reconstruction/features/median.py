"""Medians without sorting, by the bits of the numbers."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.motion import FloatImage

_SHIFTS, _BINS = (23, 15, 7, -1), 256


@numba.njit(cache=True, nogil=True)
def median_of_positive(values: FloatImage) -> float:
    """Median of flat, contiguous float32 that are not negative, such as distances; NaN of none.

    The bits of such numbers, read as whole numbers, have their order: they are sorted into 256 bins by the highest
    eight, then those of the middle's bin by the next eight, and so on. More bins would take longer to look through
    than few numbers take to be sorted.
    """
    n = values.shape[0]
    if n == 0:
        return math.nan
    bits, counts = values.view(np.int32), np.empty(_BINS, np.int32)
    left, rank = bits.copy(), (n - 1) // 2
    for shift in _SHIFTS:
        counts[:] = 0
        for i in range(left.shape[0]):
            counts[_bin_of(left[i], shift)] += 1
        b = 0
        while rank >= counts[b]:
            rank -= counts[b]
            b += 1
        m = 0
        for i in range(left.shape[0]):
            number = left[i]
            # Written ahead, and counted where it stays: no branch has to be foreseen.
            left[m] = number
            m += _bin_of(number, shift) == b
        left = left[:m]
        if m == 1:
            break
    return _middle(bits, int(left[0]), n)


@numba.njit(cache=True, nogil=True, inline="always")
def _bin_of(bits: int, shift: int) -> int:
    """Bin of a number by eight of its bits; the last ones are one fewer, as the sign is none."""
    return (bits >> shift if shift > 0 else bits << 1) & (_BINS - 1)


@numba.njit(cache=True, nogil=True)
def _middle(bits: npt.NDArray[np.int32], low: int, n: int) -> float:
    """Mean of the lower middle number and, of an even count, the next one."""
    found = np.empty(2, np.int32)
    found[0] = found[1] = low
    if n % 2 == 0:
        below, above = 0, np.int32(2**31 - 1)
        for i in range(n):
            below += bits[i] <= low
            above = min(above, bits[i] if bits[i] > low else np.int32(2**31 - 1))
        if below == n // 2:
            found[1] = above
    middles = found.view(np.float32)
    return 0.5 * (np.float64(middles[0]) + np.float64(middles[1]))
