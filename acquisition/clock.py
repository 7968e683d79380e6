"""Finding and following the scan or line clock in the samples themselves (specification A.7 and B.3)."""

from __future__ import annotations

import math

import numpy as np

from acquisition.block import Samples
from acquisition.folding import Doubles, PeriodGrid, folded_energy
from acquisition.learning import correct_clock

BINS_PER_SAMPLE = 2
"""More than 4 over-fit short records (specification B.3, "trap found")."""

COARSE_SAMPLES = 1 << 18
FINE_PERIODS = 2048


def interleave_offsets(samples: Samples, cores: int) -> Doubles:
    """Offset of each converter core against the mean of all, `(cores,)` counts, from one `(n,)` column.

    Each core's histogram is compared on the dark samples, those within the densest 12 counts of the stream.
    Source: specification B.3, step 1.
    """
    if cores == 1:
        return np.zeros(1)
    values, counts = np.unique(samples, return_counts=True)
    near = np.convolve(counts, np.ones(min(5, counts.size)), mode="same")
    centre = values[np.argmax(near)]
    dark = np.abs(samples.astype(np.int32) - int(centre)) <= 6
    ticks = np.arange(samples.size) % cores
    means = np.array([samples[dark & (ticks == core)].mean() for core in range(cores)])
    return np.asarray(means - means.mean(), dtype=np.float64)


def _coarse_period(signal: Doubles, nominal_ticks: float, tolerance: float) -> float:
    """Autocorrelation peak near the nominal lag, refined over growing multiples of it."""
    centred = signal[:COARSE_SAMPLES] - signal[:COARSE_SAMPLES].mean()
    size = 1 << (2 * centred.size - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum), size)[: centred.size]
    period, reach = nominal_ticks, max(tolerance * nominal_ticks, 1.0)
    for multiple in (1, 2, 5, 10, 20, 50, 100, 200, 400):
        lag = multiple * period
        low, high = int(lag - reach), int(lag + reach) + 2
        if low < 1 or high + 1 >= centred.size // 2:
            break
        peak = low + int(np.argmax(correlation[low:high]))
        left, middle, right = correlation[peak - 1 : peak + 2]
        curvature = left - 2 * middle + right
        shift = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
        period = (peak + float(np.clip(shift, -0.5, 0.5))) / multiple
        reach = 1.5
    return period


def find_period(samples: Samples, offsets: Doubles, nominal_ticks: float, tolerance: float = 0.01) -> float:
    """Measure the period of a stream: samples per line, or per scan.

    Parameters
    ----------
    samples
        `(n,)` column of one channel, at least 4 periods.
    offsets
        `(cores,)` converter offsets to subtract in turn.
    nominal_ticks
        Where to look.
    tolerance
        How far from nominal, relative.

    Returns
    -------
    float
        Period in ticks. Its error is about 0.1 / number of periods for a clean stream.
    """
    corrected = samples[:COARSE_SAMPLES].astype(np.float64)
    corrected -= offsets[np.arange(corrected.size) % offsets.size]
    period = _coarse_period(corrected, nominal_ticks, tolerance)
    n_bins = BINS_PER_SAMPLE * round(nominal_ticks)
    stretch = samples[: int(FINE_PERIODS * nominal_ticks)]
    # Coarse-to-fine: each pass folds a longer stretch, so that its peak is never narrower than the step before it.
    periods = 32.0
    while True:
        count = min(stretch.size, int(periods * period))
        step = 0.25 * period / count
        candidates: Doubles = np.asarray(period + step * np.arange(-12, 13), dtype=np.float64)
        scores = np.array([folded_energy(stretch[:count], offsets, float(p), n_bins) for p in candidates])
        period = _peak_centre(candidates, scores)
        if count == stretch.size:
            return period
        periods *= 3.0


def _peak_centre(candidates: Doubles, scores: Doubles) -> float:
    """Centre of gravity of what rises above three quarters of the way to the highest score."""
    best = int(np.argmax(scores))
    floor = scores.min() + 0.75 * (scores[best] - scores.min())
    low = high = best
    while low > 0 and scores[low - 1] > floor:
        low -= 1
    while high < scores.size - 1 and scores[high + 1] > floor:
        high += 1
    weights = scores[low : high + 1] - floor
    if not weights.any():
        return float(candidates[best])
    return float((candidates[low : high + 1] * weights).sum() / weights.sum())


class PhaseLoop:
    """The scan or line clock as it stands, a view of the array that the kernels follow it in (`Model.clock`)."""

    def __init__(self, origin_tick: float, period_ticks: float) -> None:
        self.state: Doubles = np.array([origin_tick, period_ticks, 1.0, 0.0])

    @property
    def origin_tick(self) -> float:
        """Tick at which the next period begins."""
        return float(self.state[0])

    @origin_tick.setter
    def origin_tick(self, tick: float) -> None:
        self.state[0] = tick

    @property
    def period_ticks(self) -> float:
        """Length of a period, ticks."""
        return float(self.state[1])

    @property
    def locked(self) -> bool:
        """False if the last phase error was too large to be trusted."""
        return bool(self.state[2])

    def grid(self, first_tick: int) -> PeriodGrid:
        """Return where the samples from `first_tick` on lie against the periods from the origin on."""
        return PeriodGrid(first_tick, self.origin_tick, self.period_ticks)

    def align(self, tick: int) -> None:
        """Move the origin to the first start of a period at or after this tick."""
        self.advance(math.ceil((tick - self.origin_tick) / self.period_ticks))

    def advance(self, n_periods: int) -> None:
        """Move the origin to the start of the next frame."""
        self.origin_tick += n_periods * self.period_ticks

    def correct(self, error_ticks: float, n_periods: int) -> None:
        """Take the phase error of a frame of `n_periods` (positive: the stream is later than the loop)."""
        correct_clock(self.state, error_ticks, n_periods)
