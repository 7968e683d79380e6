"""Measuring clock, background and noise on the first stretch of a stream, whatever cells it already holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from acquisition.anchoring import active_phases, anchor_shift, clear_of_edges
from acquisition.background import BackgroundTracker, bins_of, watched_channel
from acquisition.block import Samples, column
from acquisition.clock import PhaseLoop, find_period, interleave_offsets
from acquisition.event import BINS_PER_TICK
from acquisition.instrument import Digitizer
from acquisition.learning import Model, new_fold, phase_error
from acquisition.scoring import new_steps, score_periods
from acquisition.settings import DetectionSettings
from acquisition.templates import (
    MARGIN_TICKS,
    Doubles,
    Flags,
    Floats,
    Watched,
    fill_templates,
    new_templates,
)

PARTS = 16
"""Parts of the first stretch whose phases are compared where lines jitter."""
WORTH_SHIFTING = 0.8
"""Periods get shifts of their own where that lowers the score of empty ones below this share."""


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


class Calibration:
    """What detection knows of the empty stream, followed from frame to frame.

    Parameters
    ----------
    background
        With its clock's origin at the first whole period of the stretch.
    clock
        The clock that it was measured with.
    """

    def __init__(self, background: BackgroundTracker, clock: PhaseLoop) -> None:
        self.clock = clock
        self.background = background
        self.clipped_share: Doubles = np.zeros(background.model.level.shape[0])
        """`(n_channels,)` share of samples at the ends of the converter's range."""
        self.span = (0, background.model.level.shape[1])
        """Bins that are followed once they were measured; the first is a multiple of `BINS_PER_TICK`."""
        self.shifting = False
        """True where periods jitter so much about their clock that each is scored at its own shift."""
        self.templates = new_templates(self.span, background.model.offsets.shape[1], self.shifting)
        self.followed = new_fold(self.span)
        self.steps = new_steps()

    @property
    def model(self) -> Model:
        """What the kernels follow."""
        return self.background.model

    @property
    def noise(self) -> ScoreNoise:
        """Median and spread of the scores of empty periods."""
        return ScoreNoise(float(self.model.score[0]), float(self.model.score[1]))

    def activate(self, settings: DetectionSettings, shifting: bool) -> tuple[int, int]:
        """Choose the phases that count by the background as it stands; return the first bin and the one after the last.

        A phase next to a dark one is left out: on an edge, jitter of the clock would look like a cell. `shifting` if
        each period is scored at a shift of its own from now on.
        """
        self.shifting = shifting
        model, s = self.model, settings.score_channel
        within = math.floor(self.clock.period_ticks) * BINS_PER_TICK
        active = active_phases(model.level[s, :within], settings.active_share, settings.edge_bins)
        model.active[:] = False
        model.active[:within] = active
        lit = np.flatnonzero(active)
        span = (int(lit[0]), int(lit[-1]) + 1) if lit.size else (0, 0)
        self.templates = new_templates((_whole_ticks(span[0]), span[1]), model.offsets.shape[1], shifting)
        self.fill_templates(settings)
        return span

    def fill_templates(self, settings: DetectionSettings) -> None:
        """Make the templates follow the background."""
        model, s = self.model, settings.score_channel
        fill_templates(self.templates, model.level[s], model.active, model.offsets[s])

    def follow(self, first_bin: int, stop_bin: int) -> None:
        """Follow only these bins from now on."""
        within = math.floor(self.clock.period_ticks) * BINS_PER_TICK
        self.span = (_whole_ticks(max(0, first_bin)), min(stop_bin, within))
        self.followed = new_fold(self.span)

    def score(self, watched: Watched, n_periods: int) -> Floats:
        """Scores of the `n_periods` whole periods from the clock's origin on, `(n_periods,)` counts."""
        scores = np.zeros(n_periods, np.float32)
        score_periods(watched, self.clock.origin_tick, self.clock.period_ticks, self.templates, self.steps, scores)
        return scores


def _whole_ticks(first_bin: int) -> int:
    return first_bin // BINS_PER_TICK * BINS_PER_TICK


def calibrate(samples: Samples, first_tick: int, settings: DetectionSettings, digitizer: Digitizer) -> Calibration:
    """Measure a stretch of `(n_samples, n_channels)` samples, of which at least a fifth of the periods are empty.

    Parameters
    ----------
    samples, first_tick
        The stretch and its place.
    """
    s = settings.score_channel
    samples = cast("Samples", np.ascontiguousarray(samples))
    cores = digitizer.interleave_cores
    # Offsets belong to ticks modulo the number of cores, wherever the stretch begins.
    turn = first_tick % cores
    from_start = [interleave_offsets(samples[:, c], cores) for c in range(samples.shape[1])]
    offsets = np.stack([np.roll(channel, turn) for channel in from_start])
    clock = PhaseLoop(float(first_tick), find_period(column(samples, s), from_start[s], settings.nominal_period_ticks))
    background = BackgroundTracker(clock, offsets, bins_of(settings.nominal_period_ticks))
    calibration = Calibration(background, clock)
    low, high = digitizer.lowest, digitizer.highest
    calibration.clipped_share = np.asarray(np.mean((samples <= low) | (samples >= high), axis=0))
    for _ in range(2):
        # Twice: the first look at the light may have had samples on the edges of its bins.
        clock.origin_tick += clear_of_edges(samples.shape[0], clock)
        clock.align(first_tick)
        every = np.ones(_whole_periods(clock, first_tick, samples), dtype=bool)
        background.measure(s, samples, first_tick, clock, every)
        clock.origin_tick += anchor_shift(background.model.level[s], clock.period_ticks, settings)
    clock.origin_tick += clear_of_edges(samples.shape[0], clock)
    clock.align(first_tick)
    _measure_empty(calibration, samples, first_tick, settings)
    for _ in range(3 if calibration.shifting else 0):
        # Jitter leaves the period so uncertain that the background is smeared; each knows the other better in turn.
        _settle_clock(background, s, watched_channel(samples, s, first_tick), clock)
        clock.align(first_tick)
        _measure_empty(calibration, samples, first_tick, settings)
    return calibration


def _settle_clock(background: BackgroundTracker, channel: int, watched: Watched, clock: PhaseLoop) -> None:
    """Turn the clock by the line through the phase errors of `PARTS` parts of the stretch."""
    held = watched.first_tick + watched.n_samples - MARGIN_TICKS - clock.origin_tick
    n_periods = max(0, int(held / clock.period_ticks))
    part = n_periods // PARTS
    if part == 0:
        return
    model = background.model
    errors = []
    for k in range(PARTS):
        take = np.arange(n_periods) // part == k
        fold = background.fold(channel, watched, clock, take)
        errors.append(phase_error(fold, 0, model.level[channel], model.place))
    per_period, at_origin = np.polyfit((np.arange(PARTS) + 0.5) * part, errors, 1)
    clock.state[1] += per_period
    clock.origin_tick += float(at_origin)


def _measure_empty(calibration: Calibration, samples: Samples, first_tick: int, settings: DetectionSettings) -> None:
    """Measure backgrounds and noise on the periods of a stretch that are empty."""
    s, clock, background = settings.score_channel, calibration.clock, calibration.background
    watched = watched_channel(samples, s, first_tick)
    quiet = np.ones(_whole_periods(clock, first_tick, samples), dtype=bool)
    scores = np.zeros(0, np.float32)
    span = (0, 0)
    for _ in range(6):
        # Quiet periods and background define each other; a few turns settle them.
        before = quiet
        background.measure(s, samples, first_tick, clock, quiet)
        span = calibration.activate(settings, shifting=False)
        scores = calibration.score(watched, quiet.size)
        quiet = _quiet(scores, settings)
        calibration.activate(settings, shifting=True)
        shifted = calibration.score(watched, quiet.size)
        still = _quiet(shifted, settings)
        if np.median(shifted[still]) < WORTH_SHIFTING * np.median(scores[still]):
            scores, quiet = shifted, still
        else:
            calibration.activate(settings, shifting=False)
        if np.array_equal(quiet, before):
            # A further turn would measure the same.
            break
    noise = ScoreNoise.of(scores[quiet])
    calibration.model.score[:] = noise.median, noise.sigma
    empty = _empty_periods(quiet, settings)
    for channel in range(samples.shape[1]):
        if channel != s:
            background.measure(channel, samples, first_tick, clock, empty)
    background.measure_place(s, samples, first_tick, clock, empty)
    if settings.anchor_is_edge:
        calibration.follow(0, background.model.level.shape[1])
    else:
        # Dark phases hold nothing that a clock locked on light could use.
        margin = (span[1] - span[0]) // 8
        calibration.follow(span[0] - margin, span[1] + margin)


def _quiet(scores: Floats, settings: DetectionSettings) -> Flags:
    """Which scores are of empty periods, as far as scores alone can tell."""
    mixed = ScoreNoise.of_mixed(scores)
    return np.asarray(scores <= mixed.median + settings.off_sigma * mixed.sigma)


def _whole_periods(clock: PhaseLoop, first_tick: int, samples: Samples) -> int:
    return max(0, int((first_tick + samples.shape[0] - MARGIN_TICKS - clock.origin_tick) / clock.period_ticks))


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
