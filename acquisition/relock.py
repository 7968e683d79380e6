"""Finding a known clock again where the stream goes on at an unknown phase."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from acquisition.background import watched_channel
from acquisition.block import Samples
from acquisition.calibration import Calibration
from acquisition.event import BINS_PER_TICK
from acquisition.folding import Doubles, fill_gaps
from acquisition.learning import Fold, fold_periods, new_fold, phase_error
from acquisition.settings import DetectionSettings
from acquisition.walk import whole_periods

ALIKE = 0.9
"""Correlation with the empty period from which on a place is taken although no period is quiet there: a cell passes."""
BARELY_ALIKE = 0.7
"""The same, where nothing better comes."""


@dataclass(frozen=True)
class Place:
    """Where the stream stands against a known clock.

    Attributes
    ----------
    shift_ticks
        How much later the periods begin than the clock says.
    alike
        Correlation of the mean period with the empty one, -1 to 1.
    quiet
        True if most periods look empty there.
    turn
        Converter cores by which the interleave has moved.
    """

    shift_ticks: float
    alike: float
    quiet: bool
    turn: int = 0

    @property
    def is_sure(self) -> bool:
        """True if there is no need to look at more."""
        return self.quiet or self.alike >= ALIKE


def find_place(
    samples: Samples, first_tick: int, calibration: Calibration, settings: DetectionSettings, turning: bool
) -> Place:
    """Compare the periods of a stretch with the empty one at every phase.

    Parameters
    ----------
    samples, first_tick
        The stretch, which holds a few whole periods from the clock's origin on.
    turning
        True if the number of samples lost is not known, so that the converter's cores may have changed places.
    """
    clock = calibration.clock
    before = clock.state.copy()
    try:
        still = _judged(samples, first_tick, calibration, settings, 0.0, turning)
        if still.quiet:
            return still
        shift = _best_shift(samples, first_tick, calibration, settings)
        clock.state[:] = before
        clock.origin_tick += shift
        clock.align(first_tick)
        moved = _judged(samples, first_tick, calibration, settings, shift, turning)
    finally:
        clock.state[:] = before
    return max(still, moved, key=lambda place: (place.quiet, place.alike))


def take_place(place: Place, calibration: Calibration, first_tick: int, settings: DetectionSettings) -> None:
    """Turn the clock, and the converter's cores, to where the stream stands; the origin to its first whole period."""
    clock = calibration.clock
    clock.origin_tick += place.shift_ticks
    clock.align(first_tick)
    clock.state[2:] = 1.0, 0.0
    if place.turn:
        calibration.model.offsets[:] = np.roll(calibration.model.offsets, place.turn, axis=1)
        calibration.fill_templates(settings)


def _judged(
    samples: Samples,
    first_tick: int,
    calibration: Calibration,
    settings: DetectionSettings,
    shift: float,
    turning: bool,
) -> Place:
    """Look at the periods where the clock has its origin now."""
    model, s = calibration.model, settings.score_channel
    watched = watched_channel(samples, s, first_tick)
    n_periods = whole_periods(watched, model.clock, samples.shape[0])
    on = model.score[0] + settings.on_sigma * model.score[1]
    own = model.offsets.copy()
    medians = []
    for turn in range(own.shape[1] if turning else 1):
        model.offsets[:] = np.roll(own, turn, axis=1)
        calibration.fill_templates(settings)
        medians.append(float(np.median(calibration.score(watched, n_periods))) if n_periods else math.inf)
    best = int(np.argmin(medians))
    model.offsets[:] = own
    calibration.fill_templates(settings)
    fold = _fold(samples, first_tick, calibration, settings)
    alike = _correlations(_profile(fold), _profile_of_level(calibration, settings))[0] if n_periods else -1.0
    return Place(shift, float(alike), medians[best] <= on, best)


def _best_shift(samples: Samples, first_tick: int, calibration: Calibration, settings: DetectionSettings) -> float:
    """Where the mean period resembles the empty one most, ticks, refined against the slopes of the empty one."""
    clock, model, s = calibration.clock, calibration.model, settings.score_channel
    fold = _fold(samples, first_tick, calibration, settings)
    scores = _correlations(_profile(fold), _profile_of_level(calibration, settings))
    lag = int(np.argmax(scores))
    shift = (lag if lag <= scores.size // 2 else lag - scores.size) / BINS_PER_TICK
    origin = clock.origin_tick
    for _ in range(3):
        clock.origin_tick = origin + shift
        clock.align(first_tick)
        fold = _fold(samples, first_tick, calibration, settings)
        shift += float(np.clip(phase_error(fold, 0, model.level[s], model.place), -0.5, 0.5))
    return shift


def _fold(samples: Samples, first_tick: int, calibration: Calibration, settings: DetectionSettings) -> Fold:
    clock, s = calibration.clock, settings.score_channel
    watched = watched_channel(samples, s, first_tick)
    take = np.ones(whole_periods(watched, clock.state, samples.shape[0]), dtype=np.bool_)
    fold = new_fold((0, math.floor(clock.period_ticks) * BINS_PER_TICK))
    fold_periods(watched, clock.origin_tick, clock.period_ticks, 0, calibration.model.offsets[s], take, fold)
    return fold


def _profile(fold: Fold) -> Doubles:
    """Mean period by bin, `(n_bins,)`; bins that no sample met between their neighbours."""
    with np.errstate(invalid="ignore"):
        means = np.where(fold.periods[:, None] > 0, fold.sums / fold.periods[:, None], np.nan)
    return fill_gaps(means.T.reshape(-1).astype(np.float32)).astype(np.float64)


def _profile_of_level(calibration: Calibration, settings: DetectionSettings) -> Doubles:
    n = math.floor(calibration.clock.period_ticks) * BINS_PER_TICK
    return calibration.model.level[settings.score_channel, :n].astype(np.float64)


def _correlations(profile: Doubles, level: Doubles) -> Doubles:
    """Correlation of a mean period with the empty one for every lag of the first, `(n_bins,)`."""
    a, b = profile - profile.mean(), level - level.mean()
    norm = math.sqrt(float(a @ a) * float(b @ b))
    product = np.fft.irfft(np.fft.rfft(a) * np.conj(np.fft.rfft(b)), a.size)
    return np.asarray(product / norm if norm > 0 else np.zeros(a.size))
