"""What an empty scan or line looks like, measured from empty ones only (specification A.7 step 2, B.3 step 4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples, column
from acquisition.clock import PhaseLoop
from acquisition.event import Background
from acquisition.folding import Doubles, Floats, accumulate_periods, fill_gaps, folded_median

MEMORY_PERIODS = 4096
"""Empty periods after which an old background has faded to 1/e."""


class BackgroundTracker:
    """Keeps level and noise of every channel, per phase bin.

    Parameters
    ----------
    offsets
        `(n_channels, cores)` converter offsets, counts.
    n_bins
        Phase bins of the scan or line.
    """

    def __init__(self, offsets: Doubles, n_bins: int) -> None:
        self.offsets = offsets
        self.n_bins = n_bins
        self.level: Floats = np.zeros((offsets.shape[0], n_bins), dtype=np.float32)
        self.noise: Floats = np.zeros(offsets.shape[0], dtype=np.float32)
        self.place: Doubles = np.full(n_bins, 0.5)
        """Where within its bin a sample usually lies, 0 to 1."""
        self.span = (0, n_bins)
        """Bins that are followed once they were measured."""

    def measure(
        self,
        channel: int,
        samples: Samples,
        first_tick: int,
        clock: PhaseLoop,
        take: npt.NDArray[np.bool_],
    ) -> None:
        """Set one channel afresh from the median over the periods from the clock's origin on with `take` set."""
        watched = column(samples, channel)
        level, noise = folded_median(watched, clock.grid(first_tick), self.offsets[channel], take, self.n_bins)
        self.level[channel] = fill_gaps(level)
        self.noise[channel] = noise

    def measure_place(self, samples: Samples, first_tick: int, clock: PhaseLoop, take: npt.NDArray[np.bool_]) -> None:
        """Set the usual places within the bins afresh, likewise."""
        _, place, counts = self.fold(samples, first_tick, clock, take)
        self.place = np.where(counts > 0, place, 0.5)

    def fold(
        self, samples: Samples, first_tick: int, clock: PhaseLoop, take: npt.NDArray[np.bool_]
    ) -> tuple[Doubles, Doubles, Doubles]:
        """Fold the periods with `take` set.

        Returns the mean of every channel `(n_channels, n_bins)`, the mean place of the samples within their bins
        `(n_bins,)`, and their number `(n_bins,)`.
        """
        sums = np.zeros(self.level.shape)
        places = np.zeros(self.n_bins)
        counts = np.zeros(self.n_bins)
        accumulate_periods(samples, clock.grid(first_tick), self.offsets, self.span, take, sums, places, counts)
        seen = np.maximum(counts, 1.0)
        return sums / seen, places / seen, counts

    def follow(self, mean: Doubles, counts: Doubles, n_periods: int, channels: list[int]) -> None:
        """Let the levels of these channels drift towards the mean of `n_periods` newly seen empty periods."""
        gain = 1.0 - np.exp(-n_periods / MEMORY_PERIODS)
        old = self.level[channels]
        self.level[channels] = old + gain * np.where(counts > 0, mean[channels] - old, 0.0)

    def follow_place(self, place: Doubles, counts: Doubles, n_periods: int) -> None:
        """Let the usual places within the bins drift likewise."""
        gain = 1.0 - np.exp(-n_periods / MEMORY_PERIODS)
        self.place += gain * np.where(counts > 0, place - self.place, 0.0)

    def snapshot(self) -> Background:
        """Return level, noise and offsets as they stand now, free of later changes."""
        return Background(self.level.copy(), self.noise.copy(), self.offsets.astype(np.float32))
