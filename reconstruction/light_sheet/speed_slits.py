"""Flow speed of one cell from its passages at two slits (specification A.7, step 4a)."""

from __future__ import annotations

import math

import numba
import numpy as np

from reconstruction.light_sheet.speed_kernels import Doubles, Floats, ScanGrid
from reconstruction.speed import SpeedFit, SpeedSource

LEAST_ALIKE = 0.7
"""Correlation of the shadows at the two slits below which they are not those of one cell."""
LEAST_ERROR_UM = 0.03
"""Scans a micrometre apart do not meet a cell at the same places at both slits, whatever the light."""
NEIGHBOURS = 2.0
"""Rows that count as one: the sheet is thicker than a row is high."""


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def match_shadows(first: Floats, second: Floats) -> tuple[int, float]:
    """Find the lag, scans, at which shadows `(n, rows)` and `(m, rows)` are most alike, and how alike they are."""
    rows, flat, later = first.shape[1], first.reshape(-1), second.reshape(-1)
    own = np.float32(0.0)
    for i in range(flat.shape[0]):
        own += flat[i] * flat[i]
    best, found = -1.0, 0
    for lag in range(second.shape[0] - first.shape[0] + 1):
        part = later[lag * rows : lag * rows + flat.shape[0]]
        product, other = np.float32(0.0), np.float32(0.0)
        for i in range(flat.shape[0]):
            product += flat[i] * part[i]
            other += part[i] * part[i]
        alike = float(product) / math.sqrt(own * other) if own > 0.0 and other > 0.0 else 0.0
        if alike > best:
            best, found = alike, lag
    return found, best


@numba.njit(cache=True, nogil=True)
def row_centres(shadow: Floats, scans: ScanGrid, first: int, n: int, ticks: Doubles, seen: Doubles) -> None:
    """Mean tick of each row of `n` scans of a shadow from `first` on, and its weight, `(rows,)` each."""
    rows = shadow.shape[1]
    for r in range(rows):
        total, moment = 0.0, 0.0
        for k in range(first, first + n):
            weight = math.sqrt(shadow[k, r])
            total += weight
            moment += weight * k
        seen[r] = total
        place = scans.start_tick + scans.active_ticks * (r + 0.5) / rows
        ticks[r] = place + moment / total * scans.period_ticks if total > 0.0 else math.nan


@numba.njit(cache=True, nogil=True)
def _fit_slits(
    first: Floats, first_scans: ScanGrid, first_y: float, second: Floats, second_scans: ScanGrid, second_y: float
) -> tuple[float, float, float, float]:  # fmt: skip
    """Speed, its error, start tick and scatter, um; the error is infinite where the shadows are not alike."""
    lag, alike = match_shadows(first, second)
    if alike < LEAST_ALIKE:
        return math.nan, math.inf, math.nan, math.inf
    rows = first.shape[1]
    early, late, seen, again = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    row_centres(first, first_scans, 0, first.shape[0], early, seen)
    row_centres(second, second_scans, lag, first.shape[0], late, again)
    weight = np.minimum(seen, again)
    used = weight > 0.2 * weight.max()
    took, weight = (late - early)[used], weight[used] / weight[used].sum()
    middle = np.median(took)
    spread = 1.4826 * np.median(np.abs(took - middle))
    distance = second_y - first_y
    least = LEAST_ERROR_UM / abs(distance / middle)
    trust = weight * (np.abs(took - middle) <= 3.0 * max(spread, least))
    trust /= trust.sum()
    mean = (trust * took).sum()
    scatter = math.sqrt((trust * (took - mean) ** 2).sum()) * abs(distance / mean)
    speed = distance / mean
    error = math.hypot(scatter * math.sqrt(NEIGHBOURS * (trust * trust).sum()), LEAST_ERROR_UM)
    start = (weight * early[used]).sum() - first_y / speed
    return speed, speed * error / abs(distance), start, scatter


def warm() -> None:
    """Compile the kernels."""
    scans = ScanGrid(0.0, 10.0, 9.0)
    shadow = np.ones((3, 4), dtype=np.float32)
    fit_slits(shadow, scans, 0.0, shadow, scans._replace(start_tick=100.0), 1.0)


def fit_slits(
    first: Floats, first_scans: ScanGrid, first_y_um: float, second: Floats, second_scans: ScanGrid, second_y_um: float
) -> SpeedFit | None:  # fmt: skip
    """Measure the speed of a cell by its shadows at two slits.

    The shadows are matched by correlation; the time between them is the weighted median of the times between the
    centroids of their rows, and its error comes from how the rows differ, so that neither debris in some of them nor
    noise is taken for speed.

    Parameters
    ----------
    first, second
        `(n, rows)` and `(m, rows)` shadows, m >= n, the second one of all the time in which the cell may pass.
    first_scans, second_scans
        When they were seen.
    first_y_um, second_y_um
        Places of the slits along the flow.

    Returns
    -------
    SpeedFit | None
        None where no shadow at the second slit looks like the one at the first.
    """
    if second.shape[0] < first.shape[0] or not first.any():
        return None
    speed, error, start, scatter = _fit_slits(first, first_scans, first_y_um, second, second_scans, second_y_um)
    if not math.isfinite(error):
        return None
    return SpeedFit(speed, error, start, scatter, SpeedSource.TWO_SLITS, np.zeros(0))
