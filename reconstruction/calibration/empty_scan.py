"""What the empty scan says: delays, duty and deflector efficiency (specification A.5 to A.7, step 2).

All light on the way comes from one beam. Its dead time cuts a notch with two sharp edges into the transmission and, by
stray or flood light, into every side channel: the notch comes later there by the difference of the delays, whatever
beads look like from the side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.event import BINS_PER_TICK

Doubles = npt.NDArray[np.float64]

HARMONICS = 6
"""Stray light has a pattern of its own along the scan, as smooth as this many harmonics."""
FARTHEST = 0.1
"""Delays are looked for up to this share of the period."""
EDGE_SHARE = 0.04
"""Share of the period about an edge, at the ends of the field, that is left out where the efficiency is measured."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value and its standard error."""

    value: float
    error: float


def one_period(level: npt.NDArray[np.float32], period_ticks: float) -> tuple[Doubles, Doubles]:
    """Return places, ticks after the start of the scan, and levels of the bins of one period, `(n,)` each."""
    n = min(math.floor(period_ticks * BINS_PER_TICK), level.shape[0])
    return (np.arange(n) + 0.5) / BINS_PER_TICK, level[:n].astype(np.float64)


def delay_ticks(beam: npt.NDArray[np.float32], side: npt.NDArray[np.float32], period_ticks: float) -> Estimate:
    """Measure how much later a side channel is than the transmission, by their empty scans.

    The side's level is fitted as an offset and the delayed beam times a smooth pattern, by least squares at each delay.

    Parameters
    ----------
    beam, side
        `(n_bins,)` levels of transmission and side channel, see `acquisition.event.Background`.
    period_ticks
        Of the scan.

    Returns
    -------
    Estimate
        Ticks; the error is infinite where the side holds no light of the beam.
    """
    place, shine = one_period(beam, period_ticks)
    _, seen = one_period(side, period_ticks)
    turn = 2 * np.pi * place / period_ticks
    waves = np.stack([np.ones_like(turn)] + [f(k * turn) for k in range(1, HARMONICS + 1) for f in (np.cos, np.sin)])

    def misfit(delay: float) -> float:
        late = np.interp(place - delay, place, shine, period=period_ticks)
        columns = np.vstack([waves * (late / shine.max()), np.ones_like(late)]).T
        solution = np.linalg.lstsq(columns, seen, rcond=None)[0]
        return float(np.sum((seen - columns @ solution) ** 2))

    best, step = 0.0, 0.5
    span = FARTHEST * period_ticks
    candidates = np.arange(-span, span + step, step)
    while step > 0.01:
        scores = [misfit(d) for d in candidates]
        best = float(candidates[int(np.argmin(scores))])
        candidates, step = best + step * np.linspace(-1.0, 1.0, 9), step / 4
    # A step of half a tick: the bins are a quarter wide, and interpolation bends the misfit within one.
    bend = misfit(best - 0.5) - 2 * misfit(best) + misfit(best + 0.5)
    least = misfit(best) / max(place.size / BINS_PER_TICK - waves.shape[0] - 2, 1.0)
    if bend <= 0 or abs(best) > 0.98 * span:
        return Estimate(math.nan, math.inf)
    return Estimate(best, math.sqrt(2.0 * max(least, 1e-12) * 0.25 / bend * BINS_PER_TICK))


def active_duty(beam: npt.NDArray[np.float32], period_ticks: float, nominal: float) -> Estimate:
    """Measure the share of the period between the rising and the falling edge of the beam.

    Returns
    -------
    Estimate
        The error is infinite where an edge is lost in the noise.
    """
    place, shine = one_period(beam, period_ticks)
    reach = 0.5 * min(1.0 - nominal, nominal)
    rise, sharp_rise = _edge(place, shine, 0.0, reach * period_ticks, period_ticks, 1.0)
    fall, sharp_fall = _edge(place, shine, nominal * period_ticks, reach * period_ticks, period_ticks, -1.0)
    if min(sharp_rise, sharp_fall) < 0.05 * float(shine.max()):
        return Estimate(math.nan, math.inf)
    return Estimate((fall - rise) / period_ticks, 0.5 / BINS_PER_TICK / period_ticks)


def _edge(
    place: Doubles, shine: Doubles, centre: float, reach: float, period_ticks: float, sign: float
) -> tuple[float, float]:
    """Tick of the steepest rise (sign 1) or fall (-1) within `reach` of `centre`, and its height."""
    steps = centre + np.arange(-reach, reach, 1.0 / BINS_PER_TICK)
    half = 1.0
    slope = sign * (
        np.interp(steps + half, place, shine, period=period_ticks)
        - np.interp(steps - half, place, shine, period=period_ticks)
    )
    peak = int(np.argmax(slope))
    near = np.abs(steps - steps[peak]) <= 2 * half
    weight = np.maximum(slope[near] - 0.25 * slope[peak], 0.0)
    return float(np.sum(weight * steps[near]) / max(float(np.sum(weight)), 1e-12)), float(slope[peak])


def roll_off(beam: npt.NDArray[np.float32], period_ticks: float, duty: float) -> Estimate:
    """Measure b of the diffraction efficiency 1 - b (2u - 1)^2; a tilt of the beam is fitted beside it."""
    place, shine = one_period(beam, period_ticks)
    u = place / period_ticks / duty
    inside = (u > EDGE_SHARE) & (u < 1.0 - EDGE_SHARE)
    v = 2.0 * u[inside] - 1.0
    columns = np.stack([np.ones_like(v), v, -(v**2)], axis=1)
    solution = np.linalg.lstsq(columns, shine[inside], rcond=None)[0]
    residual = shine[inside] - columns @ solution
    # What is left is smooth, such as the pattern of stray light: it counts as so many independent values, not as bins.
    variance = float(residual @ residual) / (2 * HARMONICS)
    covariance = np.linalg.inv(columns.T @ columns) * variance
    b = float(solution[2] / solution[0])
    return Estimate(b, math.sqrt(float(covariance[2, 2])) / abs(float(solution[0])))
