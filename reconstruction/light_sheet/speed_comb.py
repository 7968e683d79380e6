"""Flow speed of one cell, from the comb that the pinholes make of its side light (specification A.7, step 4)."""

from __future__ import annotations

import math

import numba
import numpy as np

from reconstruction.light_sheet.speed_kernels import Doubles, Floats, ScanGrid
from reconstruction.speed import SpeedFit, SpeedSource, nominal_speed

SPREAD = 0.12
"""Speeds are looked for this far from nominal."""
STEP = 0.003
RIVAL = 0.55
"""Where another speed finds this share of the light that the best one finds, neither is taken."""
APART = 0.0075
"""Speeds nearer to each other than this are one."""
RIM_UM = 1.0
"""How far beyond its shadow a cell shines into a pinhole."""
SHORTEST_UM = 0.7
"""Half of a chord below which a row is noise."""
REACH_UM = 4.0
"""A passage is looked for this far from where the line expects it."""
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
WORST_SCATTER_UM = 1.4
"""Passages that scatter further about the line make no speed."""


@numba.njit(cache=True, nogil=True)
def dome(halves: Doubles, scans: ScanGrid, um_per_tick: float, reach_scans: int) -> Floats:
    """Return what a cell is looked for with, `(2 * reach_scans + 1, n_rows)`: a dome over the chord of each row.

    Each row has mean 0, so that light that fills all scans alike, as that of a cell longer than the pitch nearly does,
    counts nothing. Rows stand at their own time within the scan. Looking with a parabola is taking the centroid of what
    it covers.

    Parameters
    ----------
    halves
        `(n_rows,)` half chords, um; rows with less than `SHORTEST_UM` are not looked at.
    """
    n, n_rows = 2 * reach_scans + 1, halves.shape[0]
    found = np.zeros((n, n_rows), dtype=np.float32)
    for r in range(n_rows):
        if halves[r] < SHORTEST_UM:
            continue
        late = scans.active_ticks * ((r + 0.5) / n_rows - 0.5)
        mean = 0.0
        for k in range(n):
            y = ((k - reach_scans) * scans.period_ticks + late) * um_per_tick / (halves[r] + RIM_UM)
            found[k, r] = max(0.0, 1.0 - y * y)
            mean += found[k, r] / n
        for k in range(n):
            found[k, r] -= mean
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def comb(outline: Floats, pattern: Floats) -> Floats:
    """Correlate scans of rows `(n + m - 1, n_rows)` with a pattern `(m, n_rows)`: `(n,)`."""
    m = pattern.shape[0]
    light, looked = outline.reshape(-1), pattern.reshape(-1)
    found = np.empty(outline.shape[0] - m + 1, dtype=np.float32)
    for n in range(found.shape[0]):
        part = light[n * pattern.shape[1] : n * pattern.shape[1] + looked.shape[0]]
        total = np.float32(0.0)
        for i in range(looked.shape[0]):
            total += looked[i] * part[i]
        found[n] = total
    return found


@numba.njit(cache=True, nogil=True)
def best_speed(
    teeth: Floats, scans: ScanGrid, slit_tick: float, slit_y: float, mask_y: Doubles, nominal: float
) -> tuple[float, float]:  # fmt: skip
    """Speed, um per tick, at which the pinholes find most of the cell, and the share that its best rival finds.

    `teeth` `(n_scans,)` is how much of the cell each scan is the middle of; the cell passes `slit_y` at `slit_tick`.
    """
    count = 2 * round(SPREAD / STEP) + 1
    scores = np.zeros(count)
    for k in range(count):
        speed = nominal * (1.0 + (k - count // 2) * STEP)
        for i in range(mask_y.shape[0]):
            tick = slit_tick + (mask_y[i] - slit_y) / speed
            at = (tick - scans.start_tick - 0.5 * scans.active_ticks) / scans.period_ticks
            below = math.floor(at)
            if 0 <= below < teeth.shape[0] - 1:
                scores[k] += teeth[below] + (at - below) * (teeth[below + 1] - teeth[below])
    best = int(np.argmax(scores))
    rival = 0.0
    for k in range(1, count - 1):
        if abs(k - best) * STEP > APART and scores[k] >= scores[k - 1] and scores[k] >= scores[k + 1]:
            rival = max(rival, scores[k])
    share = rival / scores[best] if scores[best] > 0.0 else 1.0
    return nominal * (1.0 + (best - count // 2) * STEP), share


@numba.njit(cache=True, nogil=True)
def passage(teeth: Floats, scans: ScanGrid, tick: float, reach_scans: int) -> tuple[float, float]:
    """Tick near `tick` about which most of the cell is seen, and how much; NaN and 0 where no scan has a maximum."""
    at = round((tick - scans.start_tick - 0.5 * scans.active_ticks) / scans.period_ticks)
    best = max(1, at - reach_scans)
    for n in range(best, min(teeth.shape[0] - 2, at + reach_scans) + 1):
        if teeth[n] > teeth[best]:
            best = n
    if not 1 <= best <= teeth.shape[0] - 2 or abs(best - at) > reach_scans:
        return math.nan, 0.0
    before, here, after = teeth[best - 1], teeth[best], teeth[best + 1]
    bend = before - 2.0 * here + after
    if here <= 0.0 or here < before or here < after or bend >= 0.0:
        return math.nan, 0.0
    place = best + 0.5 * (before - after) / bend
    return scans.start_tick + place * scans.period_ticks + 0.5 * scans.active_ticks, here


@numba.njit(cache=True, nogil=True)
def fit_line(
    teeth: Floats, scans: ScanGrid, slit_tick: float, slit_y: float, mask_y: Doubles, speed: float, residuals: Doubles
) -> tuple[float, float, float, float]:
    """Speed, its error, start tick and scatter, um; the error is infinite where too few pinholes see the cell.

    Begins at `speed`; fills `residuals` `(n_pinholes,)`.
    """
    n = mask_y.shape[0]
    start = slit_tick - slit_y / speed
    scatter, error = math.inf, math.inf
    ticks, seen, trust = np.empty(n), np.empty(n), np.ones(n)
    for _ in range(4):
        reach = math.ceil(REACH_UM / (speed * scans.period_ticks))
        for i in range(n):
            ticks[i], seen[i] = passage(teeth, scans, start + mask_y[i] / speed, reach)
        seen /= max(seen.max(), 1e-12)
        used = seen > LEAST_SEEN
        if used.sum() < FEWEST_PINHOLES:
            return speed, math.inf, start, math.inf
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
            return speed, math.inf, start, math.inf
        speed, start = 1.0 / slowness, mean_tick - mean_y * slowness
        error = speed / math.sqrt(lever)
    return speed, error, start, scatter


@numba.njit(cache=True, nogil=True)
def _fit_comb(
    outline: Floats, margin: int, scans: ScanGrid, halves: Doubles, slit_tick: float, slit_y: float, mask_y: Doubles,
    nominal: float, reach_scans: int, residuals: Doubles,
) -> tuple[float, float, float, float]:  # fmt: skip
    pattern = dome(halves, scans, nominal, reach_scans)
    teeth = comb(outline[margin - reach_scans : outline.shape[0] - margin + reach_scans], pattern)
    speed, rival = best_speed(teeth, scans, slit_tick, slit_y, mask_y, nominal)
    speed, error, start, scatter = fit_line(teeth, scans, slit_tick, slit_y, mask_y, speed, residuals)
    sure = rival < RIVAL and scatter <= WORST_SCATTER_UM and abs(speed / nominal - 1.0) < SPREAD + STEP
    return speed, error if sure else math.inf, start, scatter


def fit_comb(
    outline: Floats, margin: int, scans: ScanGrid, halves: Doubles, slit_tick: float, slit_y_um: float,
    mask_y_um: Doubles, nominal_um_per_tick: float, reach_scans: int,
) -> SpeedFit:  # fmt: skip
    """Measure the speed of a cell by its passages at the pinholes.

    Every pinhole is looked at through the cell's own shadow: a dome over the chord of each row is correlated with the
    scans (`comb`), so that all rows in which the cell stands count, and noise beside it does not. The speed at which
    most of the cell is found before the pinholes (`best_speed`) begins a weighted straight line through slit and
    passages (`fit_line`).

    Parameters
    ----------
    outline
        `(n_scans + 2 * margin, n_rows)` float32: flattened side light; the margins are empty.
    margin
        At least `reach_scans`.
    scans
        Of the rows within the margins.
    halves
        `(n_rows,)` half chords of the shadow, um.
    slit_tick, slit_y_um
        When the cell passes the transmission slit, and where that stands.
    mask_y_um
        `(n_pinholes,)` places of the pinholes along the flow.
    nominal_um_per_tick
        Where to look.
    reach_scans
        How far along the flow the cell is looked at, to either side.

    Returns
    -------
    SpeedFit
        Its error is infinite where another speed explains the light nearly as well (`RIVAL`), or passages scatter too
        far about the line (`WORST_SCATTER_UM`); the nominal speed where fewer than three pinholes see the cell.
    """
    residuals = np.full(mask_y_um.size, math.nan)
    speed, error, start, scatter = _fit_comb(
        outline, margin, scans, halves, slit_tick, slit_y_um, mask_y_um, nominal_um_per_tick, reach_scans, residuals
    )
    if not math.isfinite(scatter):
        return nominal_speed(nominal_um_per_tick, slit_tick, slit_y_um)
    return SpeedFit(speed, error, start, scatter, SpeedSource.COMB, residuals)
