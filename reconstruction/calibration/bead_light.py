"""The light of one bead, sample by sample, and the moments of its spots."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument, Role
from reconstruction.calibration.empty_scan import Doubles

STEPS = 10
"""Turns after which a weight has followed its spot."""


@dataclass(frozen=True, slots=True)
class BeadLight:
    """Samples of the active scans: tick without delay, scan, place in the scan in ticks, and value."""

    tick: Doubles
    scan: npt.NDArray[np.int64]
    place: Doubles
    value: Doubles

    def take(self, rows: npt.NDArray[np.bool_]) -> BeadLight:
        """Return some of the samples."""
        return BeadLight(self.tick[rows], self.scan[rows], self.place[rows], self.value[rows])


def _turns(event: Event, delay: float) -> tuple[Doubles, npt.NDArray[np.int64], Doubles]:
    """Ticks of the window without the channel's delay, their scans, and places in the scan, ticks."""
    tick = event.window_tick + np.arange(event.window.shape[0], dtype=np.float64) - delay
    turn = (tick - event.clock.origin_tick) / event.clock.period_ticks
    scan = np.floor(turn).astype(np.int64)
    return tick, scan, (turn - scan) * event.clock.period_ticks


def _bins(place: Doubles, n_bins: int) -> npt.NDArray[np.int64]:
    return np.minimum((place * BINS_PER_TICK).astype(np.int64), n_bins - 1)


def side_light(event: Event, instrument: Instrument, column: int, delay: float, efficiency: Doubles) -> BeadLight:
    """Light of a side channel above its background, at full efficiency, in the active part of the scans."""
    tick, scan, place = _turns(event, delay)
    # The background is kept by the clock's phase as the samples come: the delay is still in it.
    _, _, raw_place = _turns(event, 0.0)
    level = event.background.level[column]
    value = event.window[:, column] - level[_bins(raw_place, level.shape[0])].astype(np.float64)
    value /= np.maximum(efficiency[_bins(place, efficiency.shape[0])], 0.05)
    active = instrument.light_sheet.scan.active_duty * event.clock.period_ticks
    if instrument.light_sheet.scan.shape == "triangle":
        place = np.where(scan % 2 != 0, active - place, place)
    return BeadLight(tick, scan, place, value).take((place >= 0) & (place < active))


def slit_tick(
    event: Event, instrument: Instrument, beam: Doubles, centre: float, reach: float, bead_ticks: float
) -> float:
    """Tick at which the bead passes the slit: centre of the squared change of the transmission, above its noise."""
    column = instrument.columns(Role.TRANSMISSION)[0]
    tick, scan, place = _turns(event, 0.0)
    if instrument.light_sheet.scan.shape == "triangle":
        active = instrument.light_sheet.scan.active_duty * event.clock.period_ticks
        height = np.where(scan % 2 != 0, active - place, place)
    else:
        height = place
    far = 6.0 * bead_ticks
    use = (np.abs(height - centre) < reach) & (np.abs(tick - event.trigger_tick) < far)
    tick, place = tick[use], place[use]
    level = np.maximum(beam[_bins(place, beam.shape[0])], 1.0)
    change = (event.window[use, column] / level - 1.0) ** 2
    middle = event.trigger_tick
    for _ in range(3):
        away = np.abs(tick - middle)
        quiet = float(np.median(change[away > 3.0 * bead_ticks])) / 0.455 if np.any(away > 3.0 * bead_ticks) else 0.0
        near = away < 1.5 * bead_ticks
        weight = change[near] - quiet
        if weight.sum() <= 0:
            break
        middle = float(weight @ tick[near] / weight.sum())
    return middle


def densest_place(light: BeadLight, active: float, reach: float) -> float:
    """Place in the scan about which most light lies, ticks."""
    folded = np.bincount(light.place.astype(np.int64), weights=light.value, minlength=math.ceil(active))
    window = np.ones(max(1, round(reach)))
    return float(np.argmax(np.convolve(folded, window, mode="same"))) + 0.5


def mean_place(light: BeadLight, centre: float, reach: float) -> float:
    """Mean place of the light about `centre`, ticks."""
    for _ in range(4):
        near = np.abs(light.place - centre) < reach
        total = float(light.value[near].sum())
        if total <= 0:
            return math.nan
        centre = float(light.value[near] @ light.place[near]) / total
    return centre


def spot_width(light: BeadLight, centre: float, reach: float) -> float:
    """Measure the standard deviation along the scan of the brightest spot about `centre`, ticks.

    Adaptive moments: the light is weighted by a Gaussian as wide as itself, so that noise and fainter light beside the
    spot count little (Bernstein and Jarvis, Astron. J. 123, 583 (2002), section 3).
    """
    near = np.abs(light.place - centre) < reach
    place, value = light.place[near], light.value[near]
    variance = (0.3 * reach) ** 2
    for _ in range(40):
        weight = value * np.exp(-0.5 * (place - centre) ** 2 / variance)
        total = float(weight.sum())
        if total <= 0:
            return math.nan
        centre = float(weight @ place) / total
        before, variance = variance, min(2.0 * float(weight @ (place - centre) ** 2) / total, reach**2)
        if variance <= 0:
            return math.nan
        if abs(variance - before) < 1e-6 * before:
            break
    return math.sqrt(variance)


def spot(light: BeadLight, tick: float, centre: float, sizes: tuple[float, float]) -> tuple[float, float, float]:
    """Sum, mean tick and standard deviation, ticks, of the light about a tick and a place in the scan.

    Light is weighted by a Gaussian that follows it, `sizes` wide in ticks along flow and scan: most of what a pinhole
    can see of a bead is empty, and would add its noise.
    """
    wide, deep = sizes
    for step in range(STEPS):
        first, last = np.searchsorted(light.tick, (tick - 3.0 * wide, tick + 3.0 * wide))
        value, ticks, place = light.value[first:last], light.tick[first:last], light.place[first:last]
        # The first look finds the spot in the scan, the others look at it closely.
        narrow = deep if step else 2.0 * deep
        weight = value * np.exp(-0.5 * ((ticks - tick) / wide) ** 2 - 0.5 * ((place - centre) / narrow) ** 2)
        total = float(weight.sum())
        if total <= 0:
            return 0.0, tick, math.nan
        tick, centre = float(weight @ ticks) / total, float(weight @ place) / total
    spread = float(weight @ (ticks - tick) ** 2) / total
    return total, tick, math.sqrt(1.0 / (1.0 / spread - 1.0 / wide**2)) if 0 < spread < wide**2 else math.nan
