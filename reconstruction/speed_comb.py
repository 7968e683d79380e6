"""Flow speed of one cell, from the comb that the pinholes make of its side light (specification A.7, step 4)."""

from __future__ import annotations

import math

import numba
import numpy as np

from reconstruction.speed import SpeedFit, SpeedSource, nominal_speed
from reconstruction.speed_kernels import Doubles, ScanGrid, best_speed, centroid

SPREAD = 0.12
"""Speeds are looked for this far from nominal."""
STEP = 0.004
FEWEST_PINHOLES = 3
LEAST_SEEN = 0.2
"""Pinholes that see less of the cell than this share of what the best one sees are left out."""
SLIT_ERROR_UM = 0.1
"""Standard error of the passage at a slit: how far the centres of shadow and side light of one cell are apart."""
PINHOLE_ERROR_UM = 0.25
"""Usual scatter of the passages at the pinholes, worth `PRIOR_PASSAGES` of them where few are seen."""
PRIOR_PASSAGES = 4.0
NEIGHBOURS = 2.0
"""Passages that count as one: blur lets neighbouring pinholes see the same granules."""


@numba.njit(cache=True, nogil=True)
def _fit_comb(
    sums: Doubles, moments: Doubles, scans: ScanGrid, table: Doubles, slit_tick: float, slit_y: float,
    mask_y: Doubles, half_um: float, nominal: float, residuals: Doubles,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Speed, its error, start tick and scatter, um; the error is infinite where too few pinholes see the cell."""
    n = mask_y.shape[0]
    first_um = mask_y[0] - 0.5 * (mask_y[1] - mask_y[0])
    speed = best_speed(sums, scans, table, first_um, slit_tick, slit_y, nominal, SPREAD, STEP)
    start = slit_tick - slit_y / speed
    scatter, error = math.inf, math.inf
    ticks, seen, trust = np.empty(n), np.empty(n), np.ones(n)
    for _ in range(5):
        for i in range(n):
            ticks[i], seen[i] = centroid(sums, moments, scans, start + mask_y[i] / speed, half_um / speed)
        seen /= max(seen.max(), 1e-12)
        used = seen > LEAST_SEEN
        if used.sum() < FEWEST_PINHOLES:
            return nominal, math.inf, slit_tick - slit_y / nominal, math.inf
        total, squares = 0.0, 0.0
        for i in range(n):
            residuals[i] = (ticks[i] - start) * speed - mask_y[i] if used[i] else math.nan
        centre = np.median(residuals[used])
        spread = 1.4826 * np.median(np.abs(residuals[used] - centre))
        for i in range(n):
            # Tukey's biweight: debris and overlap move single pinholes far off the line, and then do not count.
            away = (residuals[i] - centre) / (4.685 * max(spread, 0.5 * PINHOLE_ERROR_UM)) if used[i] else 1.0
            trust[i] = seen[i] * (1.0 - away * away) ** 2 if abs(away) < 1.0 else 0.0
            if used[i]:
                total += trust[i]
                squares += trust[i] * (residuals[i] - centre) ** 2
        variance = (squares + PRIOR_PASSAGES * PINHOLE_ERROR_UM**2) / (total + PRIOR_PASSAGES)
        scatter = math.sqrt(squares / max(total, 1e-12))
        weight = 1.0 / (NEIGHBOURS * variance)
        slit = 1.0 / SLIT_ERROR_UM**2
        # Least squares of tick against y, the slit being one more passage: it stands far from the pinholes that see
        # the cell, and pins the line.
        mass, mean_y, mean_tick = slit, slit * slit_y, slit * slit_tick
        for i in range(n):
            if trust[i] > 0.0:
                mass += weight * trust[i]
                mean_y += weight * trust[i] * mask_y[i]
                mean_tick += weight * trust[i] * ticks[i]
        mean_y, mean_tick = mean_y / mass, mean_tick / mass
        lever, slope = slit * (slit_y - mean_y) ** 2, slit * (slit_y - mean_y) * (slit_tick - mean_tick)
        for i in range(n):
            if trust[i] > 0.0:
                lever += weight * trust[i] * (mask_y[i] - mean_y) ** 2
                slope += weight * trust[i] * (mask_y[i] - mean_y) * (ticks[i] - mean_tick)
        slowness = slope / lever
        if not slowness > 0.0:
            return nominal, math.inf, slit_tick - slit_y / nominal, math.inf
        speed, start = 1.0 / slowness, mean_tick - mean_y * slowness
        error = speed / math.sqrt(lever)
    return speed, error, start, scatter


def fit_comb(
    sums: Doubles, moments: Doubles, scans: ScanGrid, table: Doubles, slit_tick: float,
    slit_y_um: float, mask_y_um: Doubles, half_um: float, nominal_um_per_tick: float,
) -> SpeedFit:  # fmt: skip
    """Measure the speed of a cell by its passages at the pinholes.

    Parameters
    ----------
    light, sums, moments, scans
        `(n_scans,)` side light; its flattened, and that one's first moment in ticks; see `speed_kernels`.
    table
        Of the mask; see `comb_table`.
    slit_tick, slit_y_um
        When the cell passes the transmission slit, and where that stands.
    mask_y_um
        `(n_pinholes,)` places of the pinholes along the flow.
    half_um
        Half of the length along the flow in which the cell is looked for.
    nominal_um_per_tick
        Where to look.
    """
    residuals = np.full(mask_y_um.size, math.nan)
    speed, error, start, scatter = _fit_comb(
        sums, moments, scans, table, slit_tick, slit_y_um, mask_y_um, half_um, nominal_um_per_tick, residuals
    )
    if not math.isfinite(error):
        return nominal_speed(nominal_um_per_tick, slit_tick, slit_y_um)
    return SpeedFit(speed, error, start, scatter, SpeedSource.COMB, residuals)
