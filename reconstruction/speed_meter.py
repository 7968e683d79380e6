"""The speed of an event by the best means that the instrument has (specification A.7, step 4)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import Instrument, Role
from reconstruction.speed import SpeedFit, nominal_speed
from reconstruction.speed_comb import fit_comb
from reconstruction.speed_kernels import (
    Doubles,
    Floats,
    ScanGrid,
    centroid,
    comb_table,
    scan_moments,
    silhouette,
)

MARGIN_UM = 2.0
"""Blur, and what a trigger cuts of a cell, on either side."""
ROW_UM = 1.0
LONGEST_SHARE = 0.75
"""Rows in which a cell is longer than this share of the pitch tell little: it has not left one pinhole when it reaches
the next."""

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
        self._nominal = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz

    def measure(self, event: Event, side: int | None) -> SpeedFit:
        """Measure the speed, from the side light of column `side`; nominal where there is none."""
        half_um = min(0.5 * event.duration_ticks * self._nominal + MARGIN_UM, 0.5 * self._pitch_um)
        shadow = self._shadow(event)
        tick, _ = centroid(
            shadow.sums, shadow.moments, shadow.scans, event.trigger_tick, (half_um + MARGIN_UM) / self._nominal
        )
        slit_tick = tick if math.isfinite(tick) else event.trigger_tick
        if side is None:
            return nominal_speed(self._nominal, slit_tick, self._slit_y_um)
        seen = self._seen(event, side, self._telling_rows(shadow))
        return fit_comb(
            seen.sums,
            seen.moments,
            seen.scans,
            self._table,
            slit_tick,
            self._slit_y_um,
            self._mask_y,
            half_um,
            self._nominal,
        )

    def _telling_rows(self, shadow: _Seen) -> Rows:
        """Rows in which the cell's shadow is seen, but is not too long; all if none is."""
        step_um = shadow.scans.period_ticks * self._nominal
        length_um = np.count_nonzero(shadow.weights, axis=0) * step_um
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
