"""Finding and following the scan or line clock in the samples themselves (specification A.7 and B.3)."""

from __future__ import annotations

import math

import numpy as np

from acquisition.block import Samples
from acquisition.folding import Doubles, Floats, PeriodGrid, folded_energy

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
    """Second-order loop that keeps origin and period on the stream's clock.

    Every update takes the phase error of a frame, measured against the empty background. Damping is critical:
    the period gain is a quarter of the squared phase gain. Source: specification B.3, step 3.
    """

    PHASE_GAIN = 0.3
    LOCK_LIMIT_TICKS = 0.5

    def __init__(self, origin_tick: float, period_ticks: float) -> None:
        self.origin_tick = origin_tick
        self.period_ticks = period_ticks
        self.locked = True

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
        self.locked = abs(error_ticks) < self.LOCK_LIMIT_TICKS
        step = float(np.clip(error_ticks, -self.LOCK_LIMIT_TICKS, self.LOCK_LIMIT_TICKS))
        self.origin_tick += self.PHASE_GAIN * step
        self.period_ticks += 0.25 * self.PHASE_GAIN**2 * step / n_periods


def phase_error(
    mean: Doubles, place: Doubles, counts: Doubles, level: Floats, usual_place: Doubles, period_ticks: float
) -> float:
    """Shift of a folded frame against the background, ticks, by least squares on the background's slope.

    All arrays are `(n_bins,)`. `mean` and `place` are the frame's samples and their mean places within their bins,
    `level` and `usual_place` the background's: where the stream meets the bins at a few fixed places, it is only
    the difference of the two that shows a clock on the move. A gain common to all bins is fitted with the shift, so
    that a brighter laser is not taken for a later one.
    """
    slope = np.empty(level.size)
    slope[1:-1] = (level[2:] - level[:-2]) / 2.0
    slope[0], slope[-1] = (level[1] - level[-1]) / 2.0, (level[0] - level[-2]) / 2.0
    residual = mean - level - slope * (place - usual_place)
    # The normal equations of residual = shift * slope + gain * level, bins weighted by their counts.
    weighted = counts * slope
    square, cross, power = weighted @ slope, weighted @ level, (counts * level) @ level
    determinant = square * power - cross * cross
    if determinant <= 1e-9 * square * power:
        return 0.0
    slope_part, level_part = weighted @ residual, (counts * level) @ residual
    shift = (power * slope_part - cross * level_part) / determinant
    gain = (square * level_part - cross * slope_part) / determinant
    return float(-shift / (1.0 + gain) * period_ticks / level.size)
