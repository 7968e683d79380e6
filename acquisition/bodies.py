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
from acquisition.circles import circles, depths, extents, silhouettes
from acquisition.event import BINS_PER_TICK, Background
from acquisition.folding import Floats, PeriodGrid
from acquisition.settings import DetectionSettings
from acquisition.silhouettes import Mask, deviation_picture, level_rows, standing_out

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
    """One of the bodies in a trigger; lengths at the nominal speed, and as wide as the optics make it.

    Attributes
    ----------
    first_period, last_period
        Periods that it lies in, counted from the first one that was looked at.
    first_um, last_um
        Where it begins and ends across the field, from the field's lit beginning.
    along_um, across_um
        Centre, weighted with the deviation from the background, from the same corner.
    area_um2
        Area of its silhouette.
    radius_um
        Radius of the largest circle in it.
    """

    first_period: int
    last_period: int
    first_um: float
    last_um: float
    along_um: float
    across_um: float
    area_um2: float
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
    per_period = settings.step_um / PIXEL_UM
    return tuple(
        Body(
            first_period=max(0, int(first / per_period)),
            last_period=min(n_periods - 1, int(last / per_period)),
            first_um=left * PIXEL_UM,
            last_um=(right + 1) * PIXEL_UM,
            along_um=(row + 0.5) * PIXEL_UM,
            across_um=(column + 0.5) * PIXEL_UM,
            area_um2=pixels * PIXEL_UM**2,
            radius_um=radius * PIXEL_UM,
        )
        for first, last, left, right, pixels, row, column, radius in table.tolist()
    )


@numba.njit(cache=True, nogil=True)
def _lit_phases(level: Floats, phases: tuple[float, float], share: float) -> tuple[float, float]:
    """Return the part of `phases` between its outermost lit bins, and without these: clocks jitter on edges."""
    n_bins = level.shape[0]
    first, last = max(0, int(phases[0] * n_bins)), min(n_bins, math.ceil(phases[1] * n_bins)) - 1
    dark = level.min()
    least = dark + share * (level.max() - dark)
    while first < last and level[first] <= least:
        first += 1
    while last > first and level[last] <= least:
        last -= 1
    return (first + 1) / n_bins, last / n_bins


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
    """Return the rows of `extents`, without the margin, and the radius: `(n, 8)` float32, pixels."""
    lit = _lit_phases(level, phases, active_share)
    n_columns = int((lit[1] - lit[0]) * period_um / PIXEL_UM + 0.5)
    if n_columns < 4 or n_periods < 1:
        return np.zeros((0, 8), dtype=np.float32)
    picture, counts, light = deviation_picture(
        samples, grid, offsets, level, lit, runs_back, n_periods, step_um / PIXEL_UM, n_columns
    )
    level_rows(picture, light, EMPTY_SHARE)
    standing = standing_out(picture, counts, noise, ON_SIGMA, OFF_SIGMA)
    top, bottom, left, right = _frame(standing)
    mask = silhouettes(standing[top:bottom, left:right], int(CLOSING_UM / PIXEL_UM), _MARGIN)
    least = SMALLEST_UM / 2 / PIXEL_UM
    found = circles(depths(mask), least, BEYOND_UM / PIXEL_UM, BEYOND_SHARE, MOST)
    weight = np.zeros(mask.shape, dtype=np.float32)
    weight[_MARGIN : mask.shape[0] - _MARGIN, _MARGIN : mask.shape[1] - _MARGIN] = np.abs(
        picture[top:bottom, left:right]
    )
    table = np.empty((found.shape[0], 8), dtype=np.float32)
    table[:, :7] = extents(mask, weight, found)
    for c in (0, 1, 5):
        table[:, c] += top - _MARGIN
    for c in (2, 3, 6):
        table[:, c] += left - _MARGIN
    table[:, 7] = found[:, 2]
    return table


@numba.njit(cache=True, nogil=True)
def _frame(mask: Mask) -> tuple[int, int, int, int]:
    """First row and the one after the last that the mask touches, and columns likewise: the rest need not be drawn."""
    top, bottom, left, right = mask.shape[0], 0, mask.shape[1], 0
    for r in range(mask.shape[0]):
        for c in range(mask.shape[1]):
            if mask[r, c]:
                top, bottom = min(top, r), r + 1
                left, right = min(left, c), max(right, c + 1)
    return (top, bottom, left, right) if bottom else (0, 0, 0, 0)
