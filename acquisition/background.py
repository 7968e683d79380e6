"""What an empty scan or line looks like, measured from empty ones only (specification A.7 step 2, B.3 step 4)."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from acquisition.block import Samples, column
from acquisition.clock import PhaseLoop
from acquisition.event import BINS_PER_TICK, Background
from acquisition.folding import Doubles, fill_gaps, folded_median
from acquisition.learning import MEMORY_PERIODS, Fold, Model, fold_periods, new_fold
from acquisition.templates import Flags, Watched

SPARE = 1.01
"""Bins beyond the nominal period, for a clock that runs slow."""


def bins_of(period_ticks: float) -> int:
    """Bins of a background whose period is nominally so long."""
    return BINS_PER_TICK * math.ceil(period_ticks * SPARE)


class BackgroundTracker:
    """Measures level and noise of every channel; what follows them from then on is compiled.

    Parameters
    ----------
    clock
        Of the stream.
    offsets
        `(n_channels, cores)` converter offsets, counts.
    n_bins
        Bins of the background.
    """

    def __init__(self, clock: PhaseLoop, offsets: Doubles, n_bins: int) -> None:
        channels = offsets.shape[0]
        self.model = Model(
            level=np.zeros((channels, n_bins), np.float32),
            seen=np.zeros((channels, BINS_PER_TICK)),
            place=np.full(BINS_PER_TICK, 0.5),
            noise=np.zeros(channels, np.float32),
            offsets=offsets,
            active=np.ones(n_bins, np.bool_),
            clock=clock.state,
            score=np.array([0.0, 1.0]),
        )

    def measure(self, channel: int, samples: Samples, first_tick: int, clock: PhaseLoop, take: Flags) -> None:
        """Set one channel afresh from the median over the periods from the clock's origin on with `take` set."""
        model = self.model
        watched = column(samples, channel)
        n_bins = model.level.shape[1]
        level, noise = folded_median(watched, clock.grid(first_tick), model.offsets[channel], take, n_bins)
        model.level[channel] = fill_gaps(level)
        model.noise[channel] = noise
        fold = self.fold(channel, watched_channel(samples, channel, first_tick), clock, take)
        model.seen[channel] = np.minimum(fold.periods, MEMORY_PERIODS)

    def measure_place(self, channel: int, samples: Samples, first_tick: int, clock: PhaseLoop, take: Flags) -> None:
        """Set the usual places within the bins afresh, likewise."""
        fold = self.fold(channel, watched_channel(samples, channel, first_tick), clock, take)
        met = fold.periods > 0
        # What was filled in between bins that were met stands at the places of those.
        usual = fold.places.sum() / max(fold.periods.sum(), 1.0)
        self.model.place[:] = np.where(met, fold.places / np.maximum(fold.periods, 1.0), usual)

    def fold(self, channel: int, watched: Watched, clock: PhaseLoop, take: Flags) -> Fold:
        """Lay the periods with `take` set over each other, of those from the clock's origin on."""
        fold = new_fold((0, math.floor(clock.period_ticks) * BINS_PER_TICK))
        fold_periods(
            watched, clock.origin_tick, clock.period_ticks, 0, self.model.offsets[channel], np.asarray(take), fold
        )
        return fold

    def snapshot(self) -> Background:
        """Return level, noise and offsets as they stand now, free of later changes."""
        model = self.model
        return Background(model.level.copy(), model.noise.copy(), model.offsets.astype(np.float32))


def watched_channel(samples: Samples, channel: int, first_tick: int) -> Watched:
    """One channel of `(n_samples, n_channels)` samples as the kernels take it."""
    flat = cast("Samples", np.ascontiguousarray(samples).reshape(-1))
    return Watched(flat, samples.shape[1], channel, first_tick)
