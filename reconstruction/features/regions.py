"""Connected regions of a picture, by the runs of its rows: the one nearest the centre, holes filled."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.copying import copy_row
from reconstruction.features.contour import Mask

Numbers = npt.NDArray[np.int32]

_EIGHT = 8
"""Bytes that are looked at as one number."""


class Runs(NamedTuple):
    """Stretches of pixels of one kind, row by row.

    Attributes
    ----------
    ends
        `(runs, 2)`: first column of each, and the one after its last.
    first
        `(rows + 1,)`: first run of each row.
    parent
        `(runs,)`: an earlier run of its region, or itself.
    """

    ends: Numbers
    first: Numbers
    parent: Numbers


@numba.njit(cache=True, nogil=True)
def _root(parent: Numbers, k: int) -> np.uint64:
    """First known run of a run's region; the way to it is halved."""
    at = np.uint64(k)
    while parent[at] != at:
        parent[at] = parent[np.uint64(parent[at])]
        at = np.uint64(parent[at])
    return at


@numba.njit(cache=True, nogil=True)
def _quiet_runs(loud: Mask) -> Runs:
    rows, cols = loud.shape
    width = _EIGHT * (cols // _EIGHT + 1)
    places, first = np.empty(rows * (cols + 1) + _EIGHT, np.int32), np.empty(rows + 1, np.int32)
    # Loud beyond both ends, so that every run begins and ends with a change.
    line, changes, n = np.ones(width + 1, np.uint8), np.empty(width, np.uint8), np.uint64(0)
    eight = changes.view(np.uint64)
    for i in range(rows):
        first[i] = n // np.uint64(2)
        copy_row(loud[i], line[1:])
        for j in range(width):
            changes[j] = line[j] ^ line[j + 1]
        for k in range(eight.shape[0]):
            # Most eights of pixels are alike, which shows in one look.
            if eight[k] == 0:
                continue
            for j in range(_EIGHT * k, _EIGHT * k + _EIGHT):
                # Written ahead, and counted where it is a change: no branch has to be foreseen.
                places[n] = j
                n += np.uint64(changes[j])
    first[rows] = n // np.uint64(2)
    return Runs(places[:n].reshape(-1, 2), first, np.arange(int(first[rows]), dtype=np.int32))


@numba.njit(cache=True, nogil=True)
def _join(runs: Runs) -> None:
    """Give runs that touch in neighbouring rows the same parent, the first run of their region (4-connected)."""
    ends, first, parent = runs
    for i in range(1, first.shape[0] - 1):
        above, k = first[i - 1], first[i]
        while above < first[i] and k < first[i + 1]:
            if ends[above, 0] < ends[k, 1] and ends[k, 0] < ends[above, 1]:
                one, other = _root(parent, above), _root(parent, k)
                parent[max(one, other)] = min(one, other)
            if ends[above, 1] < ends[k, 1]:
                above += 1
            else:
                k += 1
    for k in range(parent.shape[0]):
        parent[k] = parent[parent[k]]


@numba.njit(cache=True, nogil=True)
def _reach_edge(quiet: Runs, cols: int) -> Mask:
    """Tell of the first run of every region whether the region reaches the edge of the picture, `(runs,)`."""
    ends, first, parent = quiet
    reach = np.zeros(parent.shape[0], np.bool_)
    for i in range(first.shape[0] - 1):
        start, stop = first[i], first[i + 1]
        if i == 0 or i == first.shape[0] - 2:
            for k in range(start, stop):
                reach[parent[k]] = True
        elif start < stop:
            reach[parent[start]] |= ends[start, 0] == 0
            reach[parent[stop - 1]] |= ends[stop - 1, 1] == cols
    return reach


@numba.njit(cache=True, nogil=True)
def _between(quiet: Runs, outside: Mask, cols: int) -> Runs:
    """Return the runs that quiet regions `outside`, as `_reach_edge` has them, leave: what is loud, and its holes."""
    ends, first, parent = quiet
    rows = first.shape[0] - 1
    left, starts, n = np.empty((parent.shape[0] + rows, 2), np.int32), np.empty(rows + 1, np.int32), 0
    for i in range(rows):
        starts[i], begin = n, 0
        for k in range(first[i], first[i + 1]):
            # Written ahead here as well.
            is_outside = outside[parent[k]]
            left[n, 0], left[n, 1] = begin, ends[k, 0]
            n += is_outside & (begin < ends[k, 0])
            begin = int(ends[k, 1]) if is_outside else begin
        left[n, 0], left[n, 1] = begin, cols
        n += begin < cols
    starts[rows] = n
    return Runs(left[:n], starts, np.arange(n, dtype=np.int32))


@numba.njit(cache=True, nogil=True)
def central_region(loud: Mask) -> Mask:
    """Mark the 4-connected region of loud pixels nearest the centre, its holes filled, `(rows, cols)`; none if none is.

    Connected components by runs, after Rosenfeld and Pfaltz, J. ACM 13, 471 (1966).
    """
    rows, cols = loud.shape
    quiet = _quiet_runs(loud)
    _join(quiet)
    runs = _between(quiet, _reach_edge(quiet, cols), cols)
    _join(runs)
    ends, first, parent = runs
    nearest, chosen = math.inf, -1
    for i in range(rows):
        for k in range(first[i], first[i + 1]):
            col = min(max(cols // 2, ends[k, 0]), ends[k, 1] - 1)
            away = (i - rows / 2) ** 2 + (col - cols / 2) ** 2
            if away < nearest:
                nearest, chosen = away, k
    inside = np.zeros((rows, cols), dtype=np.bool_)
    if chosen < 0:
        return inside
    region = parent[chosen]
    for i in range(rows):
        line = inside[i]
        for k in range(first[i], first[i + 1]):
            if parent[k] == region:
                for j in range(ends[k, 0], ends[k, 1]):
                    line[j] = True
    return inside
