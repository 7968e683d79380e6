"""Which pinhole planes of a cell saw more than the cell, or less (specification A.8): sets of planes as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Planes = npt.NDArray[np.bool_]

PLANES_PER_COLUMN = 24
"""Bits that a float32 holds exactly."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One cell on its way along the mask.

    Attributes
    ----------
    start_tick
        When its centre passes y = 0.
    um_per_tick
        Its speed.
    speed_error
        Relative standard error of the speed.
    reach_um
        How far from its centre a pinhole still sees it.
    """

    start_tick: float
    um_per_tick: float
    speed_error: float
    reach_um: float


@numba.njit(cache=True, nogil=True)
def _find_contaminated(passages: Doubles, mask_y: Doubles, sigmas: float, hit: Planes) -> None:
    """Mark the planes of the first of `(n, 4)` passages in which light of the others can be, `(n_pinholes,)`."""
    n, n_pinholes = passages.shape[0], mask_y.shape[0]
    middle, reach = np.empty((n, n_pinholes)), np.empty((n, n_pinholes))
    for k in range(n):
        start, speed, error, reach_um = passages[k]
        for i in range(n_pinholes):
            middle[k, i] = start + mask_y[i] / speed
            reach[k, i] = (reach_um + sigmas * error * abs(mask_y[i])) / speed
    for i in range(n_pinholes):
        for k in range(1, n):
            for j in range(n_pinholes):
                hit[i] |= abs(middle[k, j] - middle[0, i]) < reach[k, j] + reach[0, i]


def contaminated_planes(cell: Passage, others: list[Passage], mask_y_um: Doubles, sigmas: float = 3.0) -> Planes:
    """Tell in which of a cell's planes light of other cells can be: `(n_pinholes,)` bool.

    All pinholes feed one detector: a plane is contaminated if another cell is before any pinhole while the cell is
    before that plane's, within `sigmas` of the errors of both speeds.
    """
    hit = np.zeros(mask_y_um.size, dtype=np.bool_)
    if others:
        passages = np.array([(p.start_tick, p.um_per_tick, p.speed_error, p.reach_um) for p in (cell, *others)])
        _find_contaminated(passages, mask_y_um, sigmas, hit)
    return hit


@numba.njit(cache=True, nogil=True)
def _find_lost(
    start: float, um_per_tick: float, reach_um: float, mask_y: Doubles, first: float, end: float, lost: Planes
) -> None:
    """Mark the planes that ticks from `first` to `end` do not hold whole, `(n_pinholes,)`."""
    for i in range(mask_y.shape[0]):
        middle, reach = start + mask_y[i] / um_per_tick, reach_um / um_per_tick
        lost[i] = middle - reach < first or middle + reach > end


def lost_planes(cell: Passage, window_tick: float, n_samples: int, mask_y_um: Doubles) -> Planes:
    """Tell which of a cell's planes the window does not hold whole: `(n_pinholes,)` bool."""
    lost = np.empty(mask_y_um.size, dtype=np.bool_)
    end = float(window_tick + n_samples)
    _find_lost(cell.start_tick, cell.um_per_tick, cell.reach_um, mask_y_um, float(window_tick), end, lost)
    return lost


@cache
def plane_columns(name: str, n_planes: int) -> tuple[str, ...]:
    """Return the names of the columns that hold a set of planes: the first has the plain name."""
    firsts = range(0, n_planes, PLANES_PER_COLUMN)
    return tuple(name if first == 0 else f"{name}_{first}" for first in firsts)


def as_columns(name: str, planes: Planes) -> dict[str, float]:
    """Return a set of planes as numbers, bit k of a column for its k-th plane."""
    values = {}
    for k, column in enumerate(plane_columns(name, planes.size)):
        part = planes[k * PLANES_PER_COLUMN : (k + 1) * PLANES_PER_COLUMN]
        values[column] = float(int.from_bytes(np.packbits(part, bitorder="little").tobytes(), "little"))
    return values


def planes_of(value: float) -> list[int]:
    """Return which planes a column names, counted from the column's first."""
    bits = 0 if math.isnan(value) else int(value)
    return [i for i in range(PLANES_PER_COLUMN) if bits >> i & 1]
