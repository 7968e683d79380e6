"""The flow speed of one cell, from the comb that the pinholes make of its side scatter (specification A.7, step 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numba
import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

SPREAD = 0.12
"""Speeds are looked for this far from nominal."""
STEP = 0.002


class SpeedSource(StrEnum):
    """How the speed of a cell was measured; in order of preference (specification A.7, step 4)."""

    TWO_SLITS = "two_slits"
    COMB = "comb"
    NOMINAL = "nominal"


@dataclass(frozen=True, slots=True)
class SpeedFit:
    """Straight line through the passages of a cell at slits and pinholes.

    Attributes
    ----------
    speed_um_per_tick, error_um_per_tick
        Speed and its standard error; the error is infinite where there was nothing to fit.
    start_tick
        When the cell passes y = 0.
    residual_um
        Weighted scatter of the passages about the line.
    source
        How it was measured.
    residuals_um
        `(n_pinholes,)`, how far downstream of its expected place the cell was at each pinhole; NaN where it was not
        seen. Empty where the speed is nominal.
    """

    speed_um_per_tick: float
    error_um_per_tick: float
    start_tick: float
    residual_um: float
    source: SpeedSource = SpeedSource.COMB
    residuals_um: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def nominal_speed(speed_um_per_tick: float, slit_tick: float, slit_y_um: float) -> SpeedFit:
    """Return the nominal speed, which has no known error, for a cell that passes a slit at `slit_tick`."""
    start = slit_tick - slit_y_um / speed_um_per_tick
    return SpeedFit(speed_um_per_tick, math.inf, start, math.inf, SpeedSource.NOMINAL, np.zeros(0))


@numba.njit(cache=True, nogil=True)
def _comb_score(
    energy: Doubles, ticks_per_scan: float, first_tick: float, start: float, slowness: float, mask_y: Doubles
) -> float:
    """Energy within a quarter of the pitch of each expected passage, weighted towards its centre."""
    score = 0.0
    for i in range(mask_y.shape[0]):
        gap = mask_y[min(i + 1, mask_y.shape[0] - 1)] - mask_y[min(i, mask_y.shape[0] - 2)]
        half = 0.25 * gap * slowness / ticks_per_scan
        centre = (start + mask_y[i] * slowness - first_tick) / ticks_per_scan - 0.5
        for n in range(max(0, int(centre - half)), min(energy.shape[0], int(centre + half) + 2)):
            away = abs(n - centre) / half
            if away < 1.0:
                score += energy[n] * (1.0 - away)
    return score


@numba.njit(cache=True, nogil=True)
def _passages(
    energy: Doubles, ticks_per_scan: float, first_tick: float, start: float, slowness: float, mask_y: Doubles,
    centres: Doubles, weights: Doubles,
) -> None:  # fmt: skip
    """Energy-weighted mean tick, and energy, of the passage at each pinhole, over half a pitch to either side."""
    for i in range(mask_y.shape[0]):
        gap = mask_y[min(i + 1, mask_y.shape[0] - 1)] - mask_y[min(i, mask_y.shape[0] - 2)]
        half = 0.5 * gap * slowness / ticks_per_scan
        centre = (start + mask_y[i] * slowness - first_tick) / ticks_per_scan - 0.5
        total = 0.0
        moment = 0.0
        for n in range(max(0, math.ceil(centre - half)), min(energy.shape[0], math.floor(centre + half) + 1)):
            total += energy[n]
            moment += energy[n] * n
        weights[i] = max(total, 0.0)
        centres[i] = first_tick + (moment / total + 0.5) * ticks_per_scan if total > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _best_slowness(
    energy: Doubles, ticks_per_scan: float, first_tick: float, slit_tick: float, slit_y: float, mask_y: Doubles,
    nominal: float,
) -> float:  # fmt: skip
    """Slowness, ticks per um, whose comb finds most energy, within `SPREAD` of nominal in steps of `STEP`."""
    best, found = -1.0, nominal
    for k in range(round(2 * SPREAD / STEP) + 1):
        candidate = nominal / (1.0 - SPREAD + k * STEP)
        score = _comb_score(energy, ticks_per_scan, first_tick, slit_tick - slit_y * candidate, candidate, mask_y)
        if score > best:
            best, found = score, candidate
    return found


def fit_speed(
    energy: Doubles, ticks_per_scan: float, first_tick: float, slit_tick: float, slit_y_um: float, mask_y_um: Doubles,
    nominal_um_per_tick: float,
) -> SpeedFit:  # fmt: skip
    """Measure the speed of a cell.

    Parameters
    ----------
    energy
        `(n_scans,)` side scatter summed over each scan, above background, noise clipped to 0.
    ticks_per_scan, first_tick
        Of the first scan.
    slit_tick, slit_y_um
        When the cell passes the transmission slit, and where that stands.
    mask_y_um
        `(n_pinholes,)` places of the pinholes along the flow.
    nominal_um_per_tick
        Where to look.
    """
    slowness = float(
        _best_slowness(energy, ticks_per_scan, first_tick, slit_tick, slit_y_um, mask_y_um, 1.0 / nominal_um_per_tick)
    )
    start = slit_tick - slit_y_um * slowness
    centres, weights = np.zeros(mask_y_um.size), np.zeros(mask_y_um.size)
    for _ in range(3):
        _passages(energy, ticks_per_scan, first_tick, start, slowness, mask_y_um, centres, weights)
        used = weights > 0.1 * weights.max()
        if used.sum() < 3:
            return SpeedFit(nominal_um_per_tick, math.inf, slit_tick - slit_y_um / nominal_um_per_tick, math.inf)
        # The passage of the slit counts as one strong pinhole: it stands far from the others and pins the line.
        y = np.append(mask_y_um[used], slit_y_um)
        ticks = np.append(centres[used], slit_tick)
        w = np.append(weights[used], weights[used].mean())
        w /= w.sum()
        mean_y, mean_tick = float(w @ y), float(w @ ticks)
        spread = float(w @ (y - mean_y) ** 2)
        slowness = float(w @ ((y - mean_y) * (ticks - mean_tick))) / spread
        start = mean_tick - mean_y * slowness
    residual = ticks - start - y * slowness
    effective = 1.0 / float(w @ w)
    variance = float(w @ residual**2) * effective / max(effective - 2.0, 1.0)
    error = math.sqrt(variance / (effective * spread))
    speed = 1.0 / slowness
    return SpeedFit(speed, error * speed * speed, start, math.sqrt(variance) * speed)
