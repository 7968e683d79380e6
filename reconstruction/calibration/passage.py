"""One bead on its way: when it passes slit and pinholes, where the scan meets it, and how wide it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import Instrument, Role
from reconstruction.calibration.bead_light import (
    BeadLight,
    densest_place,
    mean_place,
    side_light,
    slit_tick,
    spot,
    spot_width,
)
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
class _Line:
    """Ticks, sums and spreads of the spots at the pinholes, `(n_pinholes,)` each, which are seen, and ticks per um."""

    ticks: Doubles
    sums: Doubles
    spreads: Doubles
    seen: npt.NDArray[np.bool_]
    slowness: float


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
    light = side_light(event, instrument, column, delays[column], beam / max(float(beam.max()), 1e-6))
    active = optics.scan.active_duty * event.clock.period_ticks
    ticks_per_um = active / optics.scan.height_um
    reach = (bead_um / 2 + BLUR_UM) * ticks_per_um
    centre = densest_place(light, active, reach)
    in_scan = light.take(np.abs(light.place - centre) < reach)
    nominal = instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6)
    slit = slit_tick(event, instrument, beam, centre, reach, bead_um * nominal)
    places = np.array(optics.mask.y_um, dtype=np.float64)
    slowness = _coarse_slowness(in_scan, event.clock.period_ticks, slit, places - optics.slits[0].y_um, nominal)
    sizes = SPOT_UM[0] * slowness, SPOT_UM[1] * ticks_per_um
    line = _straight_line(in_scan, (slit, slowness, centre), sizes, places, optics.slits[0].y_um)
    if line is None:
        return None
    near = (bead_um / 2 + BLUR_UM) * line.slowness
    inside = np.any(np.abs(light.tick[:, None] - line.ticks[None, line.seen]) < near, axis=1)
    place = mean_place(light.take(inside), centre, reach)
    brightest = int(np.argmax(line.sums))
    width = spot_width(light.take(np.abs(light.tick - line.ticks[brightest]) < near), place, reach)
    if not (reach < place < active - reach and width > 0):
        return None
    return BeadPassage(
        ticks=np.append(np.where(line.seen, line.ticks, np.nan), slit),
        # The grain of the bead, not noise, moves its spots, and faint ones no more than bright ones.
        weights=np.append(np.where(line.seen, 1.0, 0.0), 1.0),
        place=place / active - 0.5,
        width_ticks=width,
        width_y_um=float(line.spreads[brightest]) / line.slowness,
        x_um=float(np.average(np.array(optics.mask.x_um)[line.seen], weights=line.sums[line.seen])),
        speed_um_per_tick=1.0 / line.slowness,
    )


def _straight_line(
    light: BeadLight, start: tuple[float, float, float], sizes: tuple[float, float], places_um: Doubles, slit_um: float
) -> _Line | None:
    """Find the spots at the pinholes, from tick at the slit, slowness and place in the scan; None if off a line."""
    slit, slowness, centre = start
    expected = slit + (places_um - slit_um) * slowness
    for _ in range(2):
        found = np.array([spot(light, tick, centre, sizes) for tick in expected])
        sums, ticks, spreads = found.T
        seen = sums > FAINTEST * max(float(sums.max()), 1e-9)
        if seen.sum() < 3:
            return None
        y_um, passed = np.append(places_um[seen], slit_um), np.append(ticks[seen], slit)
        slope, first = np.polyfit(y_um, passed, 1)
        expected = np.where(seen, ticks, first + slope * places_um)
    if float(np.abs(passed - first - slope * y_um).max()) > LARGEST_RESIDUAL_UM * slope:
        return None
    return _Line(expected, sums, spreads, seen, float(slope))


def _loudness(event: Event, column: int) -> float:
    level = float(np.mean(event.background.level[column]))
    return float(event.window[:, column].mean(dtype=np.float64) - level) / max(float(event.background.noise[column]), 1)


def _coarse_slowness(light: BeadLight, period: float, slit: float, ahead_um: Doubles, nominal: float) -> float:
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
