"""A stream of lines or scans to its events, as a laboratory writes it with numpy and scipy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK, ClockState, Event
from acquisition.periodic import PeriodicDetector

PERIODS_AT_ONCE = 4096


class NumpyDetector:
    """Scores every period at its own brightness, labels runs of loud ones, and cuts their windows.

    Clock and background are those of a detector that has seen the beginning of the stream, and are not followed.

    Parameters
    ----------
    known
        That detector.
    """

    def __init__(self, known: PeriodicDetector) -> None:
        self.settings, self.model = known.settings, known._calibration.model
        self.clock, self.background = known.clock, known.background

    def events(self, samples: Samples, first_tick: int = 0) -> Iterator[Event]:
        """Find the events of `(n, n_channels)` samples, the first of which is at a tick of the known clock."""
        settings, period = self.settings, self.clock.period_ticks
        origin = (self.clock.origin_tick - first_tick) % period
        clock = ClockState(period, first_tick + origin)
        scores = self._scores(samples, first_tick, origin)
        base, sigma = self.model.score
        runs, count = ndimage.label(
            ndimage.binary_closing(scores > base + settings.off_sigma * sigma, np.ones(settings.bridge + 1))
        )
        peaks = ndimage.maximum(scores, runs, np.arange(1, count + 1)) if count else ()
        centres = ndimage.center_of_mass(scores, runs, np.arange(1, count + 1)) if count else ()
        stretches = ndimage.find_objects(runs)
        found = 0
        for peak, (centre,), (stretch,) in zip(peaks, centres, stretches, strict=True):
            length = stretch.stop - stretch.start
            if peak <= base + settings.on_sigma * sigma or length < settings.shortest:
                continue
            found, at = found + 1, origin + (centre + 0.5) * period
            start = max(0, int(at - settings.window_before * period))
            window = samples[start : int(at + settings.window_after * period)].copy()
            yield Event(
                found, 0, first_tick + at, length * period, first_tick + start, window, clock, self.background,
                float((peak - base) / sigma),
            )  # fmt: skip

    def _scores(self, samples: Samples, first_tick: int, origin: float) -> np.ndarray:
        """Mean difference of every period from the background at the period's own brightness, counts."""
        model, s, period = self.model, self.settings.score_channel, self.clock.period_ticks
        lit = np.flatnonzero(model.active)
        first, stop = int(lit[0] // BINS_PER_TICK), int(lit[-1] // BINS_PER_TICK) + 1
        cores, n_periods = model.offsets.shape[1], int((samples.shape[0] - origin) / period) - 1
        scores = np.empty(n_periods, np.float32)
        for k in range(0, n_periods, PERIODS_AT_ONCE):
            begins = origin + period * np.arange(k, min(k + PERIODS_AT_ONCE, n_periods))
            ticks = np.ceil(begins + first).astype(np.int64)[:, None] + np.arange(stop - first)
            bins = ((ticks - begins[:, None]) * BINS_PER_TICK).astype(np.int64)
            used = model.active[bins]
            level = np.where(used, model.level[s][bins], 0)
            values = samples[ticks, s] - model.offsets[s][(first_tick + ticks) % cores].astype(np.float32)
            gain = (values * level).sum(1) / (level * level).sum(1)
            rest = np.abs(values - np.clip(gain, 0.85, 1.15)[:, None] * level) * used
            scores[k : k + begins.size] = rest.sum(1) / used.sum(1)
        return scores
