"""The speed of an event by the best means that the instrument has (specification A.7, step 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from acquisition.event import Event
from acquisition.instrument import Instrument, Role
from reconstruction.light_sheet.speed_comb import SPREAD, fit_comb
from reconstruction.light_sheet.speed_kernels import Floats, ScanGrid, flatten, half_chords, scan_rows, shadow_middle
from reconstruction.light_sheet.speed_slits import fit_slits
from reconstruction.light_sheet.speed_slits import warm as warm_slits
from reconstruction.speed import SpeedFit, SpeedSource, nominal_speed

MARGIN_UM = 2.0
"""Blur, and what a trigger cuts of a cell, on either side."""
ROW_UM = 1.0


class _Seen(NamedTuple):
    """A channel as scans of rows: `(margin + n_scans + margin, n_rows)`, the scans between the empty margins."""

    rows: Floats
    scans: ScanGrid


class SpeedMeter:
    """Measures how fast the cell of an event flows; may be used from several threads.

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
        self._slit_y_um = optics.slits[0].y_um
        self._forward = instrument.columns(Role.TRANSMISSION)
        self._nominal = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
        scan_um = instrument.flow_speed_m_s * 1e6 / optics.scan.rate_hz
        self._half_pitch_um = 0.5 * float(np.diff(self._mask_y).min())
        self._margin = math.ceil(self._half_pitch_um / scan_um)
        self._second = self._second_slit()
        if self._second is not None:
            # An empty event has no shadows to match: what measures them is compiled here.
            warm_slits()

    @property
    def best_source(self) -> SpeedSource:
        """The best means of this instrument."""
        if self._second is not None:
            return SpeedSource.TWO_SLITS
        sides = (Role.SIDE_SCATTER, Role.FLUORESCENCE)
        lit = any(channel.role in sides for channel in self._instrument.channels)
        return SpeedSource.COMB if lit else SpeedSource.NOMINAL

    def measure(self, event: Event, side: int | None) -> SpeedFit:
        """Measure the speed: by two slits, by the side light of column `side`, or nominal where there is neither.

        The error is infinite where the speed is nominal, or the fit too bad to make an image with.
        """
        return self.measure_with_neighbours(event, side)[0]

    def measure_with_neighbours(
        self, event: Event, side: int | None
    ) -> tuple[SpeedFit, Iterator[tuple[SpeedFit, float]]]:
        """Measure the speed of an event, and of every other trigger in its window, which is read once for all.

        The others, each with its duration in ticks, nearest first, are measured when they are asked for. Where they
        cross, one cell's fit may take light of another.
        """

        @cache
        def lit() -> _Seen:
            return self._lit(event, side or 0)

        others = sorted(event.neighbours, key=lambda other: abs(other[0] - event.trigger_tick))
        triggers = (replace(event, trigger_tick=t, duration_ticks=d, neighbours=()) for t, d in others)
        return self._measure(event, side, lit), ((self._measure(o, side, lit), o.duration_ticks) for o in triggers)

    def _measure(self, event: Event, side: int | None, lit: Callable[[], _Seen]) -> SpeedFit:
        shadow = self._shadow(event)
        if self._second is not None and (fit := self._between_slits(event, shadow, *self._second)) is not None:
            return fit
        if side is None:
            return nominal_speed(self._nominal, self._slit_tick(event, shadow), self._slit_y_um)
        return self._comb(event, shadow, lit())

    def _comb(self, event: Event, shadow: _Seen, lit: _Seen) -> SpeedFit:
        """Fit a straight line to the passages of a trigger in what a side channel has seen."""
        scan_um = event.clock.period_ticks * self._nominal
        halves = half_chords(shadow.rows, scan_um)
        half_um = 0.5 * event.duration_ticks * self._nominal + MARGIN_UM
        if not halves.any():
            halves += half_um
        reach = min(self._margin, math.ceil(half_um / scan_um))
        tick = self._slit_tick(event, shadow)
        return fit_comb(
            lit.rows, self._margin, lit.scans, halves, tick, self._slit_y_um, self._mask_y, self._nominal, reach
        )

    def _slit_tick(self, event: Event, shadow: _Seen) -> float:
        """When the middle of the shadow passes the first slit."""
        tick = shadow_middle(shadow.rows, shadow.scans)
        return float(tick) if math.isfinite(tick) else event.trigger_tick

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
        other = self._seen(event, column, 0, begin, end)
        return fit_slits(shadow.rows, shadow.scans, self._slit_y_um, other.rows, other.scans, y_um)

    def _shadow(self, event: Event) -> _Seen:
        """Return what passes the first slit about the trigger."""
        half_ticks = 0.5 * event.duration_ticks + 2 * MARGIN_UM / self._nominal
        middle = event.trigger_tick
        return self._seen(event, self._forward[0], 0, middle - half_ticks, middle + half_ticks)

    def _lit(self, event: Event, side: int) -> _Seen:
        """Return the outlines that pass the pinholes in the whole window."""
        seen = self._seen(event, side, self._margin)
        flatten(seen.rows)
        return seen

    def _seen(
        self, event: Event, channel: int, margin: int, begin_tick: float = -math.inf, end_tick: float = math.inf
    ) -> _Seen:
        """Return what one channel sees in the scans that lie in the window, or in a part of it."""
        period, background = event.clock.period_ticks, event.background
        delay = self._instrument.channels[channel].delay_s * self._instrument.sample_rate_hz
        origin = event.clock.origin_tick + delay
        begin = max(float(event.window_tick), begin_tick)
        end = min(float(event.window_tick + event.window.shape[0]), end_tick)
        first = math.ceil((begin - origin) / period)
        n_scans = max(0, math.floor((end - origin) / period) - first)
        scans = ScanGrid(origin + first * period, period, self._duty * period)
        rows = np.zeros((n_scans + 2 * margin, self._rows), dtype=np.float32)
        scan_rows(
            event.window[:, channel],
            background.level[channel],
            float(background.noise[channel]),
            scans,
            float(event.window_tick),
            channel in self._forward,
            rows[margin : margin + n_scans],
        )
        return _Seen(rows, scans)
