"""Which pinhole planes of a cell saw more than the cell, or less (specification A.8): sets of planes as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

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


def _seen(passage: Passage, mask_y_um: Doubles, sigmas: float) -> tuple[Doubles, Doubles]:
    """First and last tick at which each pinhole can see the cell, `(n_pinholes,)` each."""
    centre = passage.start_tick + mask_y_um / passage.um_per_tick
    reach = passage.reach_um + sigmas * passage.speed_error * np.abs(mask_y_um)
    return centre - reach / passage.um_per_tick, centre + reach / passage.um_per_tick


def contaminated_planes(cell: Passage, others: list[Passage], mask_y_um: Doubles, sigmas: float = 3.0) -> Planes:
    """Tell in which of a cell's planes light of other cells can be: `(n_pinholes,)` bool.

    All pinholes feed one detector: a plane is contaminated if another cell is before any pinhole while the cell is
    before that plane's, within `sigmas` of the errors of both speeds.
    """
    first, last = _seen(cell, mask_y_um, sigmas)
    hit = np.zeros(mask_y_um.size, dtype=np.bool_)
    for other in others:
        begin, end = _seen(other, mask_y_um, sigmas)
        hit |= ((first[:, None] < end[None, :]) & (begin[None, :] < last[:, None])).any(axis=1)
    return hit


def lost_planes(cell: Passage, window_tick: float, n_samples: int, mask_y_um: Doubles) -> Planes:
    """Tell which of a cell's planes the window does not hold whole: `(n_pinholes,)` bool."""
    first, last = _seen(cell, mask_y_um, 0.0)
    return np.asarray((first < window_tick) | (last > window_tick + n_samples))


def plane_columns(name: str, n_planes: int) -> tuple[str, ...]:
    """Return the names of the columns that hold a set of planes: the first has the plain name."""
    firsts = range(0, n_planes, PLANES_PER_COLUMN)
    return tuple(name if first == 0 else f"{name}_{first}" for first in firsts)


def as_columns(name: str, planes: Planes) -> dict[str, float]:
    """Return a set of planes as numbers, bit k of a column for its k-th plane."""
    values = {}
    for k, column in enumerate(plane_columns(name, planes.size)):
        part = planes[k * PLANES_PER_COLUMN : (k + 1) * PLANES_PER_COLUMN]
        values[column] = float(sum(1 << int(i) for i in np.flatnonzero(part)))
    return values


def planes_of(value: float) -> list[int]:
    """Return which planes a column names, counted from the column's first."""
    bits = 0 if math.isnan(value) else int(value)
    return [i for i in range(PLANES_PER_COLUMN) if bits >> i & 1]
