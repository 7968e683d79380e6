"""Photoelectrons per count, from how the variance of the empty beam grows with its level."""

from __future__ import annotations

import math

import numpy as np

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument

CLASSES = 32
"""Parts of the scan whose variances are compared."""
CLEAR_UM = 40.0
"""Flow behind the trigger from which on the transmission is empty again."""
LARGEST_ERROR = 0.1
"""Relative standard error beyond which the slope is not given."""


class NoiseTally:
    """Variance and mean of one transmission channel by the part of the scan, over the empty ends of many windows."""

    def __init__(self, instrument: Instrument, column: int) -> None:
        self._column = column
        self._duty = instrument.light_sheet.scan.active_duty
        self._clear_ticks = CLEAR_UM * instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6)
        self._sums = np.zeros((4, CLASSES))

    def add(self, event: Event) -> None:
        """Take the end of an event's window."""
        period = event.clock.period_ticks
        tick = event.window_tick + np.arange(event.window.shape[0], dtype=np.float64)
        place = np.mod(tick - event.clock.origin_tick, period)
        # Edges move with the clock's jitter, which is no noise of the light.
        margin = 0.05 * self._duty * period
        use = (tick > event.trigger_tick + self._clear_ticks) & (place > margin)
        use &= place < self._duty * period - margin
        level = event.background.level[self._column].astype(np.float64)
        base = level[np.minimum((place[use] * BINS_PER_TICK).astype(np.int64), level.size - 1)]
        rest = event.window[use, self._column] - base
        part = np.minimum((place[use] / (self._duty * period) * CLASSES).astype(np.int64), CLASSES - 1)
        for row, what in enumerate((np.ones_like(rest), base, rest, rest**2)):
            self._sums[row] += np.bincount(part, weights=what, minlength=CLASSES)

    def counts_per_photoelectron(self) -> float | None:
        """Slope of variance against level, counts; None where the level changes too little along the scan to tell."""
        held = self._sums[0] > 100
        if held.sum() < 6:
            return None
        n, base, first, second = self._sums[:, held]
        mean, variance = base / n, second / n - (first / n) ** 2
        columns = np.stack([np.ones_like(mean), mean - mean.mean()], axis=1)
        solution = np.linalg.lstsq(columns, variance, rcond=None)[0]
        rest = variance - columns @ solution
        spread = float(np.sum(columns[:, 1] ** 2))
        if spread <= 0 or solution[1] <= 0:
            return None
        error = math.sqrt(float(rest @ rest) / max(mean.size - 2, 1) / spread)
        return float(solution[1]) if error < LARGEST_ERROR * float(solution[1]) else None
