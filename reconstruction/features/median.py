"""Medians without sorting, by the bits of the numbers."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.motion import FloatImage

_SHIFTS, _BINS = (20, 9, 0), 2048


@numba.njit(cache=True, nogil=True)
def median_of_positive(values: FloatImage) -> float:
    """Median of flat, contiguous float32 that are not negative, such as distances; NaN of none.

    The bits of such numbers, read as whole numbers, have their order: they are sorted into 2048 bins by the highest
    eleven, then those of the middle's bin by the next eleven, and by the last nine.
    """
    n = values.shape[0]
    if n == 0:
        return math.nan
    bits, counts = values.view(np.int32), np.empty(_BINS, np.int32)
    rank, known, mask = (n - 1) // 2, 0, 0
    for shift in _SHIFTS:
        counts[:] = 0
        for i in range(n):
            if bits[i] & mask == known:
                counts[(bits[i] >> shift) & (_BINS - 1)] += 1
        b = 0
        while rank >= counts[b]:
            rank -= counts[b]
            b += 1
        known |= b << shift
        mask |= (_BINS - 1) << shift
        if counts[b] == 1 and shift > 0:
            for i in range(n):
                if bits[i] & mask == known:
                    known = int(bits[i])
            break
    return _middle(bits, known, n)


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
