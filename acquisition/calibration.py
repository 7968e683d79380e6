"""Measuring clock, background and noise on the first stretch of a stream, whatever cells it already holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.background import BackgroundTracker
from acquisition.block import Samples, column
from acquisition.clock import PhaseLoop, find_period, interleave_offsets
from acquisition.folding import Floats, period_scores
from acquisition.instrument import Digitizer
from acquisition.settings import DetectionSettings


@dataclass(slots=True)
class ScoreNoise:
    """Median and spread of the scores of empty periods, counts."""

    median: float
    sigma: float

    @classmethod
    def of(cls, scores: Floats) -> ScoreNoise:
        """Measure on scores of empty periods."""
        median = float(np.median(scores))
        return cls(median, max(1.4826 * float(np.median(np.abs(scores - median))), 1e-6))

    @classmethod
    def of_mixed(cls, scores: Floats) -> ScoreNoise:
        """Measure on scores of which as few as a fifth may be empty, by what does not change from one to the next."""
        sigma = max(1.4826 * float(np.median(np.abs(np.diff(scores)))) / math.sqrt(2.0), 1e-6)
        return cls(float(np.quantile(scores, 0.1)) + 1.28 * sigma, sigma)

    def follow(self, scores: Floats, gain: float) -> None:
        """Drift towards the scores of newly seen empty periods."""
        new = ScoreNoise.of(scores)
        self.median += gain * (new.median - self.median)
        self.sigma += gain * (new.sigma - self.sigma)


@dataclass(slots=True)
class Calibration:
    """What detection knows of the empty stream.

    Attributes
    ----------
    clock
        With its origin at the first whole period of the stretch.
    background, noise
        As measured.
    clipped_share
        `(n_channels,)` share of samples at the ends of the converter's range.
    active, span
        `(n_bins,)` phases that the score counts, the first of them and the one after the last.
    """

    clock: PhaseLoop
    background: BackgroundTracker
    noise: ScoreNoise
    clipped_share: npt.NDArray[np.float64]
    active: npt.NDArray[np.bool_]
    span: tuple[int, int]

    def activate(self, settings: DetectionSettings) -> None:
        """Choose the phases that count by the background as it stands."""
        self.active = active_phases(self.background.level[settings.score_channel], settings.active_share)
        lit = np.flatnonzero(self.active)
        self.span = (int(lit[0]), int(lit[-1]) + 1) if lit.size else (0, 0)

    def score(self, settings: DetectionSettings, watched: Samples, first_tick: int, n_periods: int) -> Floats:
        """Scores of the `n_periods` periods from the clock's origin on, `(n_periods,)` counts."""
        level = self.background.level[settings.score_channel]
        grid = self.clock.grid(first_tick)
        offsets = self.background.offsets[settings.score_channel]
        return period_scores(watched, grid, offsets, level, self.active, self.span, n_periods)


def active_phases(level: Floats, share: float) -> npt.NDArray[np.bool_]:
    """Phases that carry light: where the level, above its dark end, passes a share of its height, `(n_bins,)`.

    A phase next to a dark one is left out: on an edge, jitter of the clock would look like a cell.
    """
    bright = level - np.quantile(level, 0.02)
    lit = bright > share * bright.max()
    return np.asarray(lit & np.roll(lit, 1) & np.roll(lit, -1))


def calibrate(samples: Samples, first_tick: int, settings: DetectionSettings, digitizer: Digitizer) -> Calibration:
    """Measure a stretch of `(n_samples, n_channels)` samples, of which at least a fifth of the periods are empty.

    Parameters
    ----------
    samples, first_tick
        The stretch and its place.
    """
    s = settings.score_channel
    watched = column(samples, s)
    cores = digitizer.interleave_cores
    # Offsets belong to ticks modulo the number of cores, wherever the stretch begins.
    turn = first_tick % cores
    from_start = [interleave_offsets(samples[:, c], cores) for c in range(samples.shape[1])]
    offsets = np.stack([np.roll(channel, turn) for channel in from_start])
    clock = PhaseLoop(float(first_tick), find_period(watched, from_start[s], settings.nominal_period_ticks))
    background = BackgroundTracker(offsets, settings.n_bins)
    low, high = digitizer.lowest, digitizer.highest
    clipped = np.mean((samples <= low) | (samples >= high), axis=0)
    everything = np.ones(settings.n_bins, dtype=bool)
    calibration = Calibration(
        clock, background, ScoreNoise(0.0, 1.0), np.asarray(clipped), everything, (0, settings.n_bins)
    )

    for _ in range(2):
        # Twice: the first look at the light may have had samples on the edges of its bins.
        clock.origin_tick += _clear_of_edges(first_tick, samples.shape[0], clock, settings.n_bins)
        clock.align(first_tick)
        every = np.ones(_whole_periods(clock, first_tick, samples), dtype=bool)
        background.measure(s, samples, first_tick, clock, every)
        clock.origin_tick += _anchor_shift(background.level[s], settings) * clock.period_ticks
    clock.origin_tick += _clear_of_edges(first_tick, samples.shape[0], clock, settings.n_bins)
    clock.align(first_tick)

    quiet = np.ones(_whole_periods(clock, first_tick, samples), dtype=bool)
    for _ in range(6):
        # Quiet periods and background define each other; a few turns settle them.
        background.measure(s, samples, first_tick, clock, quiet)
        calibration.activate(settings)
        scores = calibration.score(settings, watched, first_tick, quiet.size)
        noise = ScoreNoise.of_mixed(scores)
        quiet = scores <= noise.median + settings.off_sigma * noise.sigma
    calibration.noise = ScoreNoise.of(scores[quiet])
    empty = _empty_periods(quiet, settings)
    for channel in range(samples.shape[1]):
        if channel != s:
            background.measure(channel, samples, first_tick, clock, empty)
    background.measure_place(samples, first_tick, clock, empty)
    if not settings.anchor_is_edge:
        # Dark phases hold nothing that a clock locked on light could use.
        margin = (calibration.span[1] - calibration.span[0]) // 8
        background.span = (max(0, calibration.span[0] - margin), min(settings.n_bins, calibration.span[1] + margin))
    return calibration


def _whole_periods(clock: PhaseLoop, first_tick: int, samples: Samples) -> int:
    return int((first_tick + samples.shape[0] - clock.origin_tick) / clock.period_ticks)


def _empty_periods(quiet: npt.NDArray[np.bool_], settings: DetectionSettings) -> npt.NDArray[np.bool_]:
    """Periods in which no channel carries the light of any event among these."""
    empty = quiet.copy()
    # One or two loud periods are noise, not an event; see `DetectionSettings.shortest`.
    shortest = min(settings.shortest, quiet.size)
    loud = ~quiet & (np.convolve(~quiet, np.ones(shortest), mode="same") >= shortest)
    for period in np.flatnonzero(loud):
        start = max(0, int(period - settings.signal_before))
        empty[start : int(period + settings.signal_after) + 1] = False
    # A stretch so crowded that nothing is empty is better served by all its quiet periods than by none.
    return empty if empty.sum() >= settings.fewest else quiet


def _anchor_shift(level: Floats, settings: DetectionSettings) -> float:
    """How far, in periods, the clock has to turn for the light to stand at the anchor's phase."""
    bright = (level - np.quantile(level, 0.02)).astype(np.float64)
    if settings.anchor_is_edge:
        return _rising_edge(bright / max(bright.max(), 1e-9)) - settings.anchor
    lit = np.where(active_phases(level, settings.active_share), bright, 0.0)
    angle = 2 * np.pi * (np.arange(level.size) + 0.5) / level.size
    return float(np.angle(np.sum(lit * np.exp(1j * angle))) / (2 * np.pi)) - settings.anchor


def _clear_of_edges(first_tick: int, n_samples: int, clock: PhaseLoop, n_bins: int) -> float:
    """Shift of the origin, ticks, that keeps samples away from the edges of the phase bins.

    Where the period is a simple ratio of the sample clock, all samples meet the bins at the same few places; jitter
    must not carry them over an edge.
    """
    places = 32
    bin_ticks = clock.period_ticks / n_bins
    turns = (first_tick + np.arange(min(n_samples, 1 << 16)) - clock.origin_tick) / bin_ticks
    taken = np.bincount((turns % 1.0 * places).astype(np.intp) % places, minlength=places) > 0
    if taken.all():
        return 0.0
    free = np.concatenate([~taken, ~taken]).astype(np.intp)
    run = np.zeros(2 * places, dtype=np.intp)
    for k in range(2 * places):
        run[k] = (run[k - 1] + 1) * free[k] if k else free[k]
    last = int(np.argmax(run))
    middle = (last - run[last] / 2 + 0.5 + 0.5) / places % 1.0
    return float((middle if middle <= 0.5 else middle - 1.0) * bin_ticks)


def _rising_edge(level: npt.NDArray[np.float64]) -> float:
    """Phase at which a folded level of height 1 crosses one half after its longest dark stretch."""
    n = level.size
    dark = level < 0.5
    if not dark.any() or dark.all():
        return 0.0
    start = int(np.flatnonzero(~dark)[0])
    length, longest, edge = 0, 0, 0
    for k in range(1, n + 1):
        b = (start + k) % n
        length = length + 1 if dark[b] else 0
        if length > longest:
            longest, edge = length, (b + 1) % n
    before = level[edge - 1]
    share = (0.5 - before) / max(level[edge] - before, 1e-9)
    return float((edge - 0.5 + share) / n)
