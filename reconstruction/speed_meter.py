"""The speed of an event by the best means that the instrument has (specification A.7, step 4)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import Instrument, Role
from reconstruction.speed import SpeedFit, nominal_speed
from reconstruction.speed_comb import SPREAD, fit_comb
from reconstruction.speed_kernels import (
    Doubles,
    Floats,
    ScanGrid,
    centroid,
    comb_table,
    scan_moments,
    silhouette,
)
from reconstruction.speed_slits import fit_slits
from reconstruction.speed_slits import warm as warm_slits

MARGIN_UM = 2.0
"""Blur, and what a trigger cuts of a cell, on either side."""
ROW_UM = 1.0
LONGEST_SHARE = 0.75
"""Rows in which a cell is longer than this share of the pitch tell little: it has not left one pinhole when it reaches
the next."""

WORST_SCATTER_UM = 1.5
"""Passages that scatter further about the line make no speed."""
WORST_SCATTER_FILLED_UM = 0.5
FILLED = 1.1
"""The second bound holds for shadows longer than this many pitches: such a cell always fills two pinholes, and the comb
may be taken for its gaps."""

Rows = npt.NDArray[np.bool_]


class _Seen(NamedTuple):
    """A channel as scans of rows: `(n_scans, rows)` weights, and sums and moments of the scans."""

    weights: Floats
    sums: Doubles
    moments: Doubles
    scans: ScanGrid


class SpeedMeter:
    """Measures how fast the cell of an event flows.

    Parameters
    ----------
    instrument
        A light sheet.
    """

    def __init__(self, instrument: Instrument) -> None:
        optics = instrument.light_sheet
        self._instrument = instrument
        self._duty = optics.scan.active_duty
        self._rows = max(4, round(optics.scan.height_um / ROW_UM))
        self._mask_y = np.array(optics.mask.y_um, dtype=np.float64)
        self._pitch_um = float(np.diff(self._mask_y).min())
        self._table = comb_table(self._mask_y)
        self._slit_y_um = optics.slits[0].y_um
        self._forward = instrument.columns(Role.TRANSMISSION)
        self._second = self._second_slit()
        if self._second is not None:
            # An empty event has no shadows to match: what measures them is compiled here.
            warm_slits()
        self._nominal = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz

    def measure(self, event: Event, side: int | None) -> SpeedFit:
        """Measure the speed: by two slits, by the side light of column `side`, or nominal where there is neither.

        The error is infinite where the speed is nominal, or the fit too bad to make an image with.
        """
        shadow = self._shadow(event)
        if self._second is not None and (fit := self._between_slits(event, shadow, *self._second)) is not None:
            return fit
        if side is None:
            return nominal_speed(self._nominal, self._slit_tick(event, shadow), self._slit_y_um)
        fit = self._fit_in(event, self._seen(event, side, self._telling_rows(shadow)), shadow)
        filled = self._lengths_um(shadow).max() >= FILLED * self._pitch_um
        worst_um = WORST_SCATTER_FILLED_UM if filled else WORST_SCATTER_UM
        return fit if fit.residual_um <= worst_um else replace(fit, error_um_per_tick=math.inf)

    def measure_others(self, event: Event, side: int | None) -> list[SpeedFit]:
        """Measure the other triggers in the window of an event, with all light that the window holds of them.

        That light is looked at once for all: where they cross, one cell's fit may take light of another.
        """
        others = [replace(event, trigger_tick=t, duration_ticks=d, neighbours=()) for t, d in event.neighbours]
        if not others or side is None or self._second is not None:
            return [self.measure(other, side) for other in others]
        seen = self._seen(event, side, np.ones(self._rows, dtype=np.bool_))
        return [self._fit_in(other, seen, self._shadow(other)) for other in others]

    def _fit_in(self, event: Event, seen: _Seen, shadow: _Seen) -> SpeedFit:
        """Fit a straight line to the passages of a trigger in what a side channel has seen."""
        half_um = self._half_um(event)
        return fit_comb(
            seen.sums,
            seen.moments,
            seen.scans,
            self._table,
            self._slit_tick(event, shadow),
            self._slit_y_um,
            self._mask_y,
            half_um,
            self._nominal,
        )

    def _half_um(self, event: Event) -> float:
        """Half of the length along the flow in which a cell is looked for."""
        return min(0.5 * event.duration_ticks * self._nominal + MARGIN_UM, 0.5 * self._pitch_um)

    def _slit_tick(self, event: Event, shadow: _Seen) -> float:
        """When the middle of the shadow passes the first slit."""
        reach_ticks = (self._half_um(event) + MARGIN_UM) / self._nominal
        tick, _ = centroid(shadow.sums, shadow.moments, shadow.scans, event.trigger_tick, reach_ticks)
        return float(tick) if math.isfinite(tick) else event.trigger_tick

    def _lengths_um(self, shadow: _Seen) -> Doubles:
        """Length of the shadow in each row."""
        return np.asarray(np.count_nonzero(shadow.weights, axis=0) * (shadow.scans.period_ticks * self._nominal))

    def _second_slit(self) -> tuple[int, float] | None:
        """Column and place of the slit farthest from the first one, if it has a detector of its own."""
        slits = self._instrument.light_sheet.slits
        others = [(column, slit.y_um) for column, slit in zip(self._forward[1:], slits[1:], strict=False)]
        farthest = max(others, key=lambda other: abs(other[1] - self._slit_y_um), default=None)
        return farthest if farthest is not None and farthest[1] != self._slit_y_um else None

    def _between_slits(self, event: Event, shadow: _Seen, column: int, y_um: float) -> SpeedFit | None:
        """Measure the speed between the two slits; None where the second one does not show the cell."""
        distance_um = y_um - self._slit_y_um
        ways = sorted((distance_um / (1 - SPREAD), distance_um / (1 + SPREAD)))
        half_ticks = 0.5 * event.duration_ticks + 3 * MARGIN_UM / self._nominal
        begin = event.trigger_tick + ways[0] / self._nominal - half_ticks
        end = event.trigger_tick + ways[1] / self._nominal + half_ticks
        other = self._seen(event, column, np.ones(self._rows, dtype=np.bool_), begin, end)
        return fit_slits(shadow.weights, shadow.scans, self._slit_y_um, other.weights, other.scans, y_um)

    def _telling_rows(self, shadow: _Seen) -> Rows:
        """Rows in which the cell's shadow is seen, but is not too long; all if none is."""
        length_um = self._lengths_um(shadow)
        present = length_um > 1.5
        present[1:-1] |= present[:-2] | present[2:]
        telling = present & (length_um < LONGEST_SHARE * self._pitch_um)
        return np.asarray(telling if telling.any() else np.ones_like(telling))

    def _shadow(self, event: Event) -> _Seen:
        """Return what passes the first slit about the trigger."""
        half_ticks = 0.5 * event.duration_ticks + 2 * MARGIN_UM / self._nominal
        everywhere = np.ones(self._rows, dtype=np.bool_)
        middle = event.trigger_tick
        return self._seen(event, self._forward[0], everywhere, middle - half_ticks, middle + half_ticks)

    def _seen(
        self, event: Event, channel: int, wanted: Rows, begin_tick: float = -math.inf, end_tick: float = math.inf
    ) -> _Seen:
        """Return what one channel sees in these rows of the scans that lie in the window, or in a part of it."""
        period, background = event.clock.period_ticks, event.background
        relative = channel in self._forward
        delay = self._instrument.channels[channel].delay_s * self._instrument.sample_rate_hz
        origin = event.clock.origin_tick + delay
        begin = max(float(event.window_tick), begin_tick)
        end = min(float(event.window_tick + event.window.shape[0]), end_tick)
        first = math.ceil((begin - origin) / period)
        n_scans = max(0, math.floor((end - origin) / period) - first)
        scans = ScanGrid(origin + first * period, period, self._duty * period)
        weights = np.empty((n_scans, self._rows), dtype=np.float32)
        silhouette(
            event.window,
            channel,
            background.level[channel],
            float(background.noise[channel]),
            scans,
            float(event.window_tick),
            relative,
            wanted,
            weights,
        )
        sums, moments = np.empty(n_scans), np.empty(n_scans)
        scan_moments(weights, scans, 1 if relative else 2, sums, moments)
        return _Seen(weights, sums, moments, scans)
