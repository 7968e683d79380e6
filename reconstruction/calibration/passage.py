"""One bead on its way: when it passes slit and pinholes, where the scan meets it, and how wide it looks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument, Role
from reconstruction.calibration.empty_scan import Doubles

SPREAD = 0.15
"""Speeds are looked for this far from nominal."""
STEP = 0.001
COMB_UM = 2.0
"""Half-width of the comb's teeth."""
LARGEST_RESIDUAL_UM = 0.8
"""Passages that scatter more about a straight line belong to several beads, or to other pinholes than was thought."""
BLUR_UM = 2.2
"""How far the optics carry a bead's light beyond its edge, um."""
SPOT_UM = 1.0, 0.7
"""Widths, along flow and scan, of the Gaussians that weigh a spot of light; along the flow there is one scan a um."""
STEPS = 10
FAINTEST = 0.1
"""Pinholes that see less than this share of what the brightest sees are left out."""


@dataclass(frozen=True, slots=True)
class BeadPassage:
    """What is measured of one bead.

    Attributes
    ----------
    ticks, weights
        `(n_pinholes + 1,)`: when the bead passes each pinhole, last the slit, NaN where it was not seen; and how much
        each counts.
    place
        Where in the scan the sheet meets it, u - 1/2 in -1/2 to 1/2.
    width_ticks
        Standard deviation along the scan of its light at the brightest pinhole, which sees one spot of it.
    width_y_um
        Likewise along the flow, um.
    x_um
        Where it flies across the flow, by the pinholes that see it.
    speed_um_per_tick
        By slit and pinholes.
    """

    ticks: Doubles
    weights: Doubles
    place: float
    width_ticks: float
    width_y_um: float
    x_um: float
    speed_um_per_tick: float


@dataclass(frozen=True, slots=True)
class _Samples:
    """Samples of the active scans: tick without delay, scan, place in the scan in ticks, and value."""

    tick: Doubles
    scan: npt.NDArray[np.int64]
    place: Doubles
    value: Doubles

    def take(self, rows: npt.NDArray[np.bool_]) -> _Samples:
        return _Samples(self.tick[rows], self.scan[rows], self.place[rows], self.value[rows])


def measure_passage(
    event: Event, instrument: Instrument, bead_um: float, delays: Mapping[int, float]
) -> BeadPassage | None:
    """Measure a bead on transmission and on the side channel that sees it best.

    Parameters
    ----------
    event
        Of a single bead.
    instrument
        As far as it is known.
    bead_um
        Diameter of the beads.
    delays
        Ticks by column of the side channels that may be used.

    Returns
    -------
    BeadPassage or None
        None where fewer than three pinholes see it, its passages make no straight line, or it is not whole within the
        scan.
    """
    optics = instrument.light_sheet
    beam = event.background.level[instrument.columns(Role.TRANSMISSION)[0]].astype(np.float64)
    column = max(delays, key=lambda c: _loudness(event, c))
    light = _side(event, instrument, column, delays[column], beam / max(float(beam.max()), 1e-6))
    active = optics.scan.active_duty * event.clock.period_ticks
    ticks_per_um = active / optics.scan.height_um
    reach = (bead_um / 2 + BLUR_UM) * ticks_per_um
    centre = _densest(light, active, reach)
    in_scan = light.take(np.abs(light.place - centre) < reach)
    nominal = instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6)
    slit = _slit_tick(event, instrument, beam, centre, reach, bead_um * nominal)
    places = np.array(optics.mask.y_um, dtype=np.float64)
    slowness = _coarse_slowness(in_scan, event.clock.period_ticks, slit, places - optics.slits[0].y_um, nominal)
    expected = slit + (places - optics.slits[0].y_um) * slowness
    near = (bead_um / 2 + BLUR_UM) * slowness
    sizes = SPOT_UM[0] * slowness, SPOT_UM[1] * ticks_per_um
    for _ in range(2):
        found = [_spot(in_scan, tick, centre, sizes) for tick in expected]
        sums = np.array([total for total, _, _ in found])
        seen = sums > FAINTEST * max(float(sums.max()), 1e-9)
        if seen.sum() < 3:
            return None
        ticks = np.array([mean for _, mean, _ in found])
        slope, start = np.polyfit(np.append(places[seen], optics.slits[0].y_um), np.append(ticks[seen], slit), 1)
        expected = np.where(seen, ticks, start + slope * places)
    y_um, passed = np.append(places[seen], optics.slits[0].y_um), np.append(ticks[seen], slit)
    if float(np.abs(passed - start - slope * y_um).max()) > LARGEST_RESIDUAL_UM * slope:
        return None
    inside = np.any(np.abs(light.tick[:, None] - expected[None, seen]) < near, axis=1)
    place = _place(light.take(inside), centre, reach)
    brightest = int(np.argmax(sums))
    width = _width(light.take(np.abs(light.tick - expected[brightest]) < near), place, reach)
    if not (reach < place < active - reach and width > 0):
        return None
    return BeadPassage(
        ticks=np.append(np.where(seen, ticks, np.nan), slit),
        # The grain of the bead, not noise, moves its spots, and faint ones no more than bright ones.
        weights=np.append(np.where(seen, 1.0, 0.0), 1.0),
        place=place / active - 0.5,
        width_ticks=width,
        width_y_um=found[brightest][2] / slope,
        x_um=float(sums[seen] @ np.array(optics.mask.x_um)[seen] / sums[seen].sum()),
        speed_um_per_tick=1.0 / float(slope),
    )


def _loudness(event: Event, column: int) -> float:
    level = float(np.mean(event.background.level[column]))
    return float(event.window[:, column].mean(dtype=np.float64) - level) / max(float(event.background.noise[column]), 1)


def _turns(event: Event, delay: float) -> tuple[Doubles, npt.NDArray[np.int64], Doubles]:
    """Ticks of the window without the channel's delay, their scans, and places in the scan, ticks."""
    tick = event.window_tick + np.arange(event.window.shape[0], dtype=np.float64) - delay
    turn = (tick - event.clock.origin_tick) / event.clock.period_ticks
    scan = np.floor(turn).astype(np.int64)
    return tick, scan, (turn - scan) * event.clock.period_ticks


def _bins(place: Doubles, n_bins: int) -> npt.NDArray[np.int64]:
    return np.minimum((place * BINS_PER_TICK).astype(np.int64), n_bins - 1)


def _side(event: Event, instrument: Instrument, column: int, delay: float, efficiency: Doubles) -> _Samples:
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
    return _Samples(tick, scan, place, value).take((place >= 0) & (place < active))


def _densest(light: _Samples, active: float, reach: float) -> float:
    """Place in the scan about which most light lies, ticks."""
    folded = np.bincount(light.place.astype(np.int64), weights=light.value, minlength=math.ceil(active))
    window = np.ones(max(1, round(reach)))
    return float(np.argmax(np.convolve(folded, window, mode="same"))) + 0.5


def _place(light: _Samples, centre: float, reach: float) -> float:
    """Mean place of the light about `centre`, ticks."""
    for _ in range(4):
        near = np.abs(light.place - centre) < reach
        total = float(light.value[near].sum())
        if total <= 0:
            return math.nan
        centre = float(light.value[near] @ light.place[near]) / total
    return centre


def _width(light: _Samples, centre: float, reach: float) -> float:
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


def _spot(light: _Samples, tick: float, centre: float, sizes: tuple[float, float]) -> tuple[float, float, float]:
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


def _slit_tick(
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


def _coarse_slowness(light: _Samples, period: float, slit: float, ahead_um: Doubles, nominal: float) -> float:
    """Ticks per um whose comb of expected passages meets most light."""
    if light.scan.size == 0:
        return nominal
    scan = light.scan - light.scan[0]
    counts = np.bincount(scan)
    held = counts > 0
    middle = np.bincount(scan, weights=light.tick)[held] / counts[held]
    energy = np.bincount(scan, weights=light.value)[held]
    half = max(1, round(COMB_UM * nominal / period))
    kernel = 1.0 - np.abs(np.arange(-half, half + 1)) / (half + 1.0)
    smooth = np.convolve(energy, kernel, mode="same")
    noise = 1.4826 * float(np.median(np.abs(smooth - np.median(smooth))))
    # The glare of a bead outshines the rest by far, and would leave two pinholes to tell which of them they are.
    evened = np.sqrt(np.maximum(smooth - np.median(smooth) - 3.0 * noise, 0.0))
    candidates = nominal / (1.0 + np.arange(-SPREAD, SPREAD, STEP))
    comb = slit + candidates[:, None] * ahead_um[None, :]
    score = np.interp(comb, middle, evened, left=0.0, right=0.0).sum(axis=1)
    return float(candidates[int(np.argmax(score))])
