"""How many bodies one trigger holds: cells close behind or beside each other (specification A.8, B.6).

A trigger is one stretch of the stream, but what it holds is a picture: flow along one axis, the scan or the line along
the other. The score channel's deviation from the background is drawn with square pixels, what stands out of the
noise is closed and filled to silhouettes, and circles are laid into these. A cell is nearly one circle. Where a second
circle of a cell's size reaches well beyond the first, in the same silhouette or in another, there are two bodies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from acquisition.block import Samples
from acquisition.circles import circles, depths, silhouettes
from acquisition.event import BINS_PER_TICK, Background
from acquisition.folding import Floats, PeriodGrid
from acquisition.row_levels import level_rows
from acquisition.settings import DetectionSettings
from acquisition.silhouettes import Mask, deviation_picture, standing_out

PIXEL_UM = 0.5
"""Edge of a pixel: finer than the optics of either instrument, coarse enough to be quick."""
CLOSING_UM = 1.0
"""Rims of cells have gaps of up to twice this, where dark turns to bright."""
SMALLEST_UM = 4.0
"""Least width of a silhouette that counts as a body: debris of 3 um, widened by the optics, does not."""
BEYOND_UM = 2.2
"""A second body reaches this far beyond the first; single cells, which are not quite round, do so in 1 of 300."""
BEYOND_SHARE = 0.45
"""And this share of the first one's radius: large cells may be oblong by as much."""
EMPTY_SHARE = 0.1
"""At least so much of a period shows nothing of a body."""
ON_SIGMA, OFF_SIGMA = 6.0, 3.5
MOST = 8
LEAST_NOISE = 0.3
"""Counts; that of rounding to whole counts."""
_MARGIN = 6


@dataclass(frozen=True, slots=True)
class Body:
    """One of the bodies in a trigger, as the largest circle in it; as long as it seems at the nominal speed.

    Attributes
    ----------
    along_um, across_um
        Centre, from the beginning of the first period that was looked at and of the lit field.
    radius_um
        Of the circle.
    """

    along_um: float
    across_um: float
    radius_um: float


def find_bodies(
    samples: Samples, grid: PeriodGrid, n_periods: int, background: Background, settings: DetectionSettings
) -> tuple[Body, ...]:
    """Find the bodies in a stretch of the stream, the largest first.

    Parameters
    ----------
    samples, grid
        `(n,)` column of the score channel; period 0 of the grid, an even one where scans run back and forth, is the
        first to look at.
    n_periods
        Periods to look at.
    background, settings
        As they stood at the trigger.
    """
    table = _table(
        samples,
        grid,
        background.core_offsets[settings.score_channel],
        background.level[settings.score_channel, : round(grid.period_ticks * BINS_PER_TICK)],
        max(float(background.noise[settings.score_channel]), LEAST_NOISE),
        (settings.first_phase, settings.last_phase),
        settings.active_share,
        settings.runs_back,
        n_periods,
        settings.step_um,
        settings.period_um,
    )
    return tuple(
        Body((row + 0.5) * PIXEL_UM, (column + 0.5) * PIXEL_UM, radius * PIXEL_UM)
        for row, column, radius in table.tolist()
    )


@numba.njit(cache=True, nogil=True)
def _lit_phases(level: Floats, phases: tuple[float, float], share: float) -> tuple[float, float]:
    """Return the part of `phases` between its outermost lit bins, and without these: clocks jitter on edges."""
    n_bins = level.shape[0]
    first, last = max(0, int(phases[0] * n_bins)), min(n_bins, math.ceil(phases[1] * n_bins)) - 1
    dark, bright = _range(level)
    least = dark + share * (bright - dark)
    while first < last and level[first] <= least:
        first += 1
    while last > first and level[last] <= least:
        last -= 1
    return (first + 1) / n_bins, last / n_bins


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def _range(level: Floats) -> tuple[float, float]:
    """Return the least and the highest level, which are numbers all."""
    lowest, highest = level[0], level[0]
    for b in range(level.shape[0]):
        lowest, highest = min(lowest, level[b]), max(highest, level[b])
    return lowest, highest


@numba.njit(cache=True, nogil=True)
def _table(
    samples: Samples,
    grid: PeriodGrid,
    offsets: Floats,
    level: Floats,
    noise: float,
    phases: tuple[float, float],
    active_share: float,
    runs_back: bool,
    n_periods: int,
    step_um: float,
    period_um: float,
) -> Floats:
    """Return the rows of `circles`, without the margin."""
    lit = _lit_phases(level, phases, active_share)
    n_columns = int((lit[1] - lit[0]) * period_um / PIXEL_UM + 0.5)
    if n_columns < 4 or n_periods < 1:
        return np.zeros((0, 3), dtype=np.float32)
    picture, counts, light = deviation_picture(
        samples, grid, offsets, level, lit, runs_back, n_periods, step_um / PIXEL_UM, n_columns
    )
    level_rows(picture, light, EMPTY_SHARE)
    standing = standing_out(picture, counts, noise, ON_SIGMA, OFF_SIGMA)
    top, bottom, left, right = _frame(standing)
    mask = silhouettes(standing[top:bottom, left:right], int(CLOSING_UM / PIXEL_UM), _MARGIN)
    least = SMALLEST_UM / 2 / PIXEL_UM
    found = circles(depths(mask), least, BEYOND_UM / PIXEL_UM, BEYOND_SHARE, MOST)
    found[:, 0] += top - _MARGIN
    found[:, 1] += left - _MARGIN
    return found


@numba.njit(cache=True, nogil=True)
def _frame(mask: Mask) -> tuple[int, int, int, int]:
    """First row and the one after the last that the mask touches, and columns likewise: the rest need not be drawn."""
    n_rows, n_columns = mask.shape
    columns = np.zeros(n_columns, np.bool_)
    top, bottom = n_rows, 0
    for r in range(n_rows):
        row, touched = mask[r], False
        for c in range(n_columns):
            touched |= row[np.uint64(c)]
            columns[np.uint64(c)] |= row[np.uint64(c)]
        if touched:
            top, bottom = min(top, r), r + 1
    met = np.flatnonzero(columns)
    return (top, bottom, met[0], met[-1] + 1) if bottom else (0, 0, 0, 0)
