"""Kernels that bring the rows of a picture of deviations to the background at each row's own brightness."""

from __future__ import annotations

import numba
import numpy as np

from acquisition.folding import Floats
from acquisition.templates import FAST, LANES


@numba.njit(cache=True, nogil=True)
def level_rows(picture: Floats, light: Floats, empty_share: float) -> None:
    """Bring each row, in place, to the background at the row's own brightness.

    A least-squares brightness follows a body that fills much of the period and leaves the empty part beside it askew.
    What counts here is what many pixels agree on: the mean over the closest `empty_share` of a row's (the "shorth").
    The evenly dark middle of a large cell agrees with itself as well, so distance from the background counts against
    them as their own spread does.
    """
    lit = np.flatnonzero(light > 0.25 * light.max())
    n_rows, n_lit = picture.shape[0], lit.shape[0]
    n = max(2, int(empty_share * n_lit))
    if n > n_lit:
        return
    ratios = np.zeros((n_lit, (n_rows + LANES - 1) // LANES * LANES), dtype=np.float32)
    for i in range(n_lit):
        c = np.uint64(lit[i])
        share = np.float32(1.0) / light[c]
        for r in range(n_rows):
            ratios[i, r] = picture[np.uint64(r), c] * share
    _sort_columns(ratios)
    gains = _shorths(ratios, n)
    for r in range(n_rows):
        picture[r] -= gains[r] * light


@numba.njit(cache=True, nogil=True)
def _sort_columns(values: Floats) -> None:
    """Sort every column in place, all of them at once.

    A network compares the same places in every column, whatever is there, which compiles to vector instructions.
    Source: Batcher's odd-even merge sort (K. E. Batcher, AFIPS 1968).
    """
    n, width = values.shape
    flat = values.reshape(-1)
    merged = 1
    while merged < n:
        apart = merged
        while apart >= 1:
            for first in range(apart % merged, n - apart, 2 * apart):
                if (first ^ (first + apart)) < 2 * merged:
                    many = min(apart, n - apart - first) * width
                    _exchange(flat, first * width, (first + apart) * width, many)
            apart //= 2
        merged *= 2


@numba.njit(cache=True, nogil=True)
def _exchange(values: Floats, lower: int, upper: int, n: int) -> None:
    """Put the lesser of two values, n times, into the lower place."""
    low, high = np.uint64(lower), np.uint64(upper)
    for i in range(n):
        at = np.uint64(i)
        a, b = values[low + at], values[high + at]
        # A choice between the two would compile to masked stores, which take ten times as long.
        back = min(b - a, np.float32(0.0))
        values[low + at] = a + back
        values[high + at] = b - back


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _shorths(ordered: Floats, n: int) -> Floats:
    """Return the mean of the n closest values of each ordered column; see `level_rows`."""
    width = ordered.shape[1]
    gains, sums = np.zeros(width, dtype=np.float32), np.zeros(width, dtype=np.float32)
    least = np.full(width, np.float32(1e30))
    for i in range(n):
        sums += ordered[i]
    share = np.float32(1.0 / n)
    for i in range(ordered.shape[0] - n + 1):
        low, high, beyond = ordered[i], ordered[i + n - 1], ordered[min(i + n, ordered.shape[0] - 1)]
        for r in range(width):
            at = np.uint64(r)
            mean = sums[at] * share
            cost = high[at] - low[at] + abs(mean)
            closer = np.float32(cost < least[at])
            gains[at] += closer * (mean - gains[at])
            least[at] = min(least[at], cost)
            sums[at] += beyond[at] - low[at]
    return gains
