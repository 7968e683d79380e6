"""Connected regions of a picture, by the runs of its rows: the one nearest the centre, holes filled."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.features.contour import Mask

Numbers = npt.NDArray[np.int32]


class Runs(NamedTuple):
    """Stretches of equal pixels, row by row.

    Attributes
    ----------
    row, start, stop
        `(runs,)`: where each lies; `stop` is the column after its last.
    loud
        `(runs,)`: whether its pixels are.
    parent
        `(runs,)`: another run of its region, or itself.
    first
        `(rows + 1,)`: first run of each row.
    """

    row: Numbers
    start: Numbers
    stop: Numbers
    loud: Mask
    parent: Numbers
    first: Numbers


@numba.njit(cache=True, nogil=True)
def _find(parent: Numbers, k: int) -> int:
    """Root of a run's region; the way to it is halved."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@numba.njit(cache=True, nogil=True)
def _count_runs(loud: Mask) -> int:
    rows, cols = loud.shape
    changes = 0
    for i in range(rows):
        left, right = loud[i, : cols - 1], loud[i, 1:]
        for j in range(cols - 1):
            changes += left[j] != right[j]
    return int(changes + rows)


@numba.njit(cache=True, nogil=True)
def _cut_into_runs(loud: Mask) -> Runs:
    rows, cols = loud.shape
    count = _count_runs(loud)
    numbers, kinds = np.empty((4, count + 1), np.int32), np.empty(count + 1, np.bool_)
    row, start, stop, parent = numbers[0], numbers[1], numbers[2], numbers[3]
    first = np.empty(rows + 1, np.int32)
    n = 0
    for i in range(rows):
        line = loud[i]
        first[i] = n
        j, end = np.uint64(0), np.uint64(cols)
        while j < end:
            row[n], start[n], kinds[n], parent[n] = i, j, line[j], n
            kind = line[j]
            while j < end and line[j] == kind:
                j += np.uint64(1)
            stop[n] = j
            n += 1
    first[rows] = n
    return Runs(row[:n], start[:n], stop[:n], kinds[:n], parent[:n], first)


@numba.njit(cache=True, nogil=True)
def _join(runs: Runs) -> None:
    """Give runs of the same kind that touch in neighbouring rows the same root (4-connected)."""
    start, stop, loud, parent, first = runs.start, runs.stop, runs.loud, runs.parent, runs.first
    for i in range(1, first.shape[0] - 1):
        above = first[i - 1]
        for k in range(first[i], first[i + 1]):
            while stop[above] <= start[k]:
                above += 1
            over = above
            while over < first[i] and start[over] < stop[k]:
                if loud[over] == loud[k]:
                    parent[_find(parent, k)] = _find(parent, over)
                over += 1


@numba.njit(cache=True, nogil=True)
def _fill_holes(runs: Runs, rows: int, cols: int) -> None:
    """Make quiet regions that do not reach the edge loud, and one with all that they touch."""
    row, start, stop, loud, parent, first = runs
    n = row.shape[0]
    open_region, filled = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for k in range(n):
        if row[k] == 0 or row[k] == rows - 1 or start[k] == 0 or stop[k] == cols:
            open_region[_find(parent, k)] = True
    for k in range(n):
        filled[k] = not loud[k] and not open_region[_find(parent, k)]
    for k in range(n):
        if not filled[k]:
            continue
        # A hole has a run to either side, and rows above and below.
        loud[k] = True
        for beside in (k - 1, k + 1):
            parent[_find(parent, k)] = _find(parent, beside)
        for i in (row[k] - 1, row[k] + 1):
            for other in range(first[i], first[i + 1]):
                touches = start[other] < stop[k] and start[k] < stop[other]
                if touches and (loud[other] or filled[other]):
                    parent[_find(parent, k)] = _find(parent, other)


@numba.njit(cache=True, nogil=True)
def central_region(loud: Mask) -> Mask:
    """Mark the 4-connected region of loud pixels nearest the centre, its holes filled, `(rows, cols)`; none if none is.

    Connected components by runs, after Rosenfeld and Pfaltz, J. ACM 13, 471 (1966).
    """
    rows, cols = loud.shape
    runs = _cut_into_runs(loud)
    _join(runs)
    _fill_holes(runs, rows, cols)
    row, start, stop, kinds, parent, first = runs
    nearest, chosen = math.inf, -1
    for k in range(row.shape[0]):
        if kinds[k]:
            col = min(max(cols // 2, start[k]), stop[k] - 1)
            away = (row[k] - rows / 2) ** 2 + (col - cols / 2) ** 2
            if away < nearest:
                nearest, chosen = away, k
    inside = np.zeros((rows, cols), dtype=np.bool_)
    if chosen < 0:
        return inside
    chosen = _find(parent, chosen)
    for i in range(rows):
        line = inside[i]
        for k in range(first[i], first[i + 1]):
            if kinds[k] and _find(parent, k) == chosen:
                for j in range(start[k], stop[k]):
                    line[j] = True
    return inside
