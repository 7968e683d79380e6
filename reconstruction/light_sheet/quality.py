"""How well a light-sheet event was seen: its place in x, its planes, its speed (specification A.7, step 8, and A.8)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numba
import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import Instrument
from reconstruction.light_sheet.planes import (
    Passage,
    Planes,
    as_columns,
    contaminated_planes,
    lost_planes,
    plane_columns,
)
from reconstruction.speed import SpeedFit

Doubles = npt.NDArray[np.float64]

BLUR_UM = 1.0
"""How far beyond its edge a cell still shines into a pinhole: half the pinhole, and the objective's blur."""
UNKNOWN_SPEED_ERROR = 0.05
"""Relative spread of the speeds of cells whose own speed could not be measured (specification A.9)."""


@numba.njit(cache=True, nogil=True)
def light_along_x(
    energy: Doubles, first_tick: float, ticks_per_scan: float, start_tick: float, um_per_tick: float, reach_um: float,
    mask_y: Doubles, mask_x: Doubles,
) -> tuple[float, float]:  # fmt: skip
    """Centre and spread along x, um, of the light of the scans while a cell was before each pinhole; NaN if none."""
    n = mask_y.shape[0]
    seen = np.zeros(n)
    half = reach_um / um_per_tick / ticks_per_scan
    for i in range(n):
        centre = (start_tick + mask_y[i] / um_per_tick - first_tick) / ticks_per_scan - 0.5
        for k in range(max(0, math.ceil(centre - half)), min(energy.shape[0], math.floor(centre + half) + 1)):
            seen[i] += energy[k]
    total, moment, square = 0.0, 0.0, 0.0
    # Pinholes that saw next to nothing are noise, and far from the centre they would weigh most.
    least = 0.1 * max(0.0, seen.max())
    for i in range(n):
        if seen[i] > least:
            total += seen[i]
            moment += seen[i] * mask_x[i]
    if total <= 0.0:
        return math.nan, math.nan
    x_um = moment / total
    for i in range(n):
        if seen[i] > least:
            square += seen[i] * (mask_x[i] - x_um) ** 2
    return x_um, math.sqrt(square / total)


class SheetQuality:
    """Measures the quality of the events of one instrument; `names` are its columns."""

    def __init__(self, instrument: Instrument, worst_speed_error: float) -> None:
        mask = instrument.light_sheet.mask
        self._worst_speed_error = worst_speed_error
        self._mask_x = np.array(mask.x_um, dtype=np.float64)
        self._mask_y = np.array(mask.y_um, dtype=np.float64)
        self._half_pitch_um = 0.5 * float(np.diff(self._mask_y).min(initial=math.inf))
        self.names = (
            "x_um", "x_sd_um", "off_centre_um",
            *plane_columns("contaminated_planes", self._mask_y.size), *plane_columns("lost_planes", self._mask_y.size),
        )  # fmt: skip

    def warm(self) -> None:
        """Compile what is asked only where two cells come close."""
        cell = Passage(0.0, 1.0, 0.01, 1.0)
        contaminated_planes(cell, [cell], self._mask_y)

    def measure(
        self, event: Event, fit: SpeedFit, others: Iterable[tuple[SpeedFit, float]] | None, energy: Doubles | None,
        features: dict[str, float],
    ) -> dict[str, float]:  # fmt: skip
        """Measure one event.

        Parameters
        ----------
        event, fit
            The event, and the fit of its speed.
        others
            Fits of the event's neighbours, each with the length of its trigger in ticks; taken only until every plane
            is known to be contaminated. None where nobody asks.
        energy
            `(n_scans,)` brightest side light of each whole scan of the window, above background; None without a side
            channel.
        features
            Of its transmission image.
        """
        diameter = features["diameter_um"]
        radius = 0.0 if math.isnan(diameter) else diameter / 2
        cell = self._passage(fit, radius)
        x_um, x_sd_um = self._place_x(event, cell, energy)
        return {
            "x_um": x_um,
            "x_sd_um": x_sd_um,
            "off_centre_um": math.hypot(x_um, features["z_um"]),
            **self._contamination(cell, others),
            **as_columns("lost_planes", lost_planes(cell, event.window_tick, event.window.shape[0], self._mask_y)),
        }

    def _contamination(self, cell: Passage, others: Iterable[tuple[SpeedFit, float]] | None) -> dict[str, float]:
        if others is None:
            return dict.fromkeys(plane_columns("contaminated_planes", self._mask_y.size), math.nan)
        return as_columns("contaminated_planes", self._contaminated(cell, others))

    def _contaminated(self, cell: Passage, others: Iterable[tuple[SpeedFit, float]]) -> Planes:
        hit = np.zeros(self._mask_y.size, dtype=np.bool_)
        for other, duration in others:
            # The length of its trigger stands for a neighbour's size.
            beside = self._passage(other, duration * other.speed_um_per_tick / 2)
            hit |= contaminated_planes(cell, [beside], self._mask_y)
            if hit.all():
                break
        return hit

    def _passage(self, fit: SpeedFit, radius_um: float) -> Passage:
        error = fit.error_um_per_tick / fit.speed_um_per_tick
        known = error if error < self._worst_speed_error else UNKNOWN_SPEED_ERROR
        return Passage(fit.start_tick, fit.speed_um_per_tick, known, radius_um + BLUR_UM)

    def _place_x(self, event: Event, cell: Passage, energy: Doubles | None) -> tuple[float, float]:
        """Centre and spread of the side light along x; NaN where there is none."""
        if energy is None:
            return math.nan, math.nan
        origin, period = event.clock.origin_tick, event.clock.period_ticks
        first_tick = origin + math.ceil((event.window_tick - origin) / period) * period
        reach = min(cell.reach_um, self._half_pitch_um)
        x_um, x_sd_um = light_along_x(
            energy, first_tick, period, cell.start_tick, cell.um_per_tick, reach, self._mask_y, self._mask_x
        )
        return float(x_um), float(x_sd_um)
