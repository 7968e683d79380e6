"""Connected regions of a picture, by the runs of its rows: the one nearest the centre, holes filled."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.contour import Mask

Runs = npt.NDArray[np.int32]

_ROW, _START, _STOP, _LOUD, _PARENT = range(5)


@numba.njit(cache=True, nogil=True)
def _find(runs: Runs, k: int) -> int:
    """Root of a run's region; the way to it is halved."""
    while runs[k, _PARENT] != k:
        runs[k, _PARENT] = runs[runs[k, _PARENT], _PARENT]
        k = runs[k, _PARENT]
    return k


@numba.njit(cache=True, nogil=True)
def _cut_into_runs(loud: Mask) -> tuple[Runs, npt.NDArray[np.int32]]:
    """Stretches of equal pixels of every row, `(runs, 5)`, and the first of each row, `(rows + 1,)`."""
    rows, cols = loud.shape
    runs, first = np.empty((rows * cols, 5), dtype=np.int32), np.empty(rows + 1, dtype=np.int32)
    n = 0
    for i in range(rows):
        first[i] = n
        start = 0
        for j in range(1, cols + 1):
            if j == cols or loud[i, j] != loud[i, start]:
                runs[n, _ROW], runs[n, _START], runs[n, _STOP] = i, start, j
                runs[n, _LOUD], runs[n, _PARENT] = loud[i, start], n
                start = j
                n += 1
    first[rows] = n
    return runs[:n], first


@numba.njit(cache=True, nogil=True)
def _join(runs: Runs, first: npt.NDArray[np.int32]) -> None:
    """Give runs of the same kind that touch in neighbouring rows, or within one, the same root (4-connected)."""
    for i in range(first.shape[0] - 1):
        above = first[i - 1] if i > 0 else 0
        for k in range(first[i], first[i + 1]):
            if k > first[i] and runs[k, _LOUD] == runs[k - 1, _LOUD]:
                runs[_find(runs, k), _PARENT] = _find(runs, k - 1)
            while i > 0 and above < first[i] and runs[above, _STOP] <= runs[k, _START]:
                above += 1
            over = above
            while i > 0 and over < first[i] and runs[over, _START] < runs[k, _STOP]:
                if runs[over, _LOUD] == runs[k, _LOUD]:
                    runs[_find(runs, k), _PARENT] = _find(runs, over)
                over += 1


@numba.njit(cache=True, nogil=True)
def _fill_holes(runs: Runs, rows: int, cols: int) -> None:
    """Make quiet regions that do not reach the edge loud."""
    open_region = np.zeros(runs.shape[0], dtype=np.bool_)
    for k in range(runs.shape[0]):
        row, start, stop = runs[k, _ROW], runs[k, _START], runs[k, _STOP]
        if row == 0 or row == rows - 1 or start == 0 or stop == cols:
            open_region[_find(runs, k)] = True
    for k in range(runs.shape[0]):
        if not open_region[_find(runs, k)]:
            runs[k, _LOUD] = 1


@numba.njit(cache=True, nogil=True)
def central_region(loud: Mask) -> Mask:
    """Mark the 4-connected region of loud pixels nearest the centre, its holes filled, `(rows, cols)`; none if none is.

    Connected components by runs, after Rosenfeld and Pfaltz, J. ACM 13, 471 (1966).
    """
    rows, cols = loud.shape
    runs, first = _cut_into_runs(loud)
    _join(runs, first)
    _fill_holes(runs, rows, cols)
    _join(runs, first)
    nearest, chosen = math.inf, -1
    for k in range(runs.shape[0]):
        if runs[k, _LOUD]:
            col = min(max(cols // 2, runs[k, _START]), runs[k, _STOP] - 1)
            away = (runs[k, _ROW] - rows / 2) ** 2 + (col - cols / 2) ** 2
            if away < nearest:
                nearest, chosen = away, _find(runs, k)
    inside = np.zeros((rows, cols), dtype=np.bool_)
    for k in range(runs.shape[0]):
        if chosen >= 0 and _find(runs, k) == chosen:
            inside[runs[k, _ROW], runs[k, _START] : runs[k, _STOP]] = True
    return inside
