"""The compiled walk along a stream: frames of periods scored, searched for triggers, and learned from."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numba
import numpy as np

from acquisition.learning import (
    Fold,
    Model,
    correct_clock,
    fold_periods,
    follow_level,
    follow_noise,
    follow_place,
    phase_error,
)
from acquisition.quiet_runs import certainly_quiet
from acquisition.scoring import Steps, score_periods
from acquisition.settings import DetectionSettings
from acquisition.sightings import Sightings, new_sightings, note_sightings
from acquisition.templates import (
    MARGIN_TICKS,
    Doubles,
    Flags,
    Floats,
    Templates,
    Watched,
    refresh_templates,
)
from acquisition.triggers import TriggerState, push_scores

OTHERS_EVERY = 4
"""The channels that are not watched need no clock; they are followed less often."""
SETTLING = 16
"""For so many turns of `DetectionSettings.learn_every`, a clock just found is followed `CLOSELY` times as often."""
CLOSELY = 4


class Step(IntEnum):
    """Why the walk stopped."""

    MORE = 0
    """It needs more samples."""
    FULL = 1
    """There is no room for the triggers of another frame."""
    LOST = 2
    """No frame was quiet enough to learn from for `DetectionSettings.lost` periods."""


class Rules(NamedTuple):
    """Settings of the walk; see `DetectionSettings`."""

    frame: int
    learn_every: int
    lost: int
    on_sigma: float
    off_sigma: float
    signal_after: float
    span: tuple[int, int]

    @classmethod
    def of(cls, settings: DetectionSettings, span: tuple[int, int]) -> Rules:
        """Take them from the settings; `span` are the bins of the background that are followed."""
        return cls(
            settings.frame,
            settings.learn_every,
            settings.lost,
            settings.on_sigma,
            settings.off_sigma,
            settings.signal_after,
            span,
        )


class Progress(NamedTuple):
    """Where the walk stands; the arrays change in place.

    Attributes
    ----------
    periods
        `(4,)`: periods passed in this stretch, periods since a frame was last learned from, the period from which
        on no event's light is in any channel, as far as is known, and periods of the next frame that were searched.
    scores, quiet
        `(frame,)` of the frame that was scored last; where quiet runs were enough, only theirs are there.
    sightings
        Triggers that ended, and were not taken yet.
    """

    periods: Doubles
    scores: Floats
    quiet: Flags
    sightings: Sightings


def new_progress(frame: int, levels: tuple[int, int]) -> Progress:
    """Return the progress of a stretch that begins, above a background of this shape."""
    return Progress(
        np.array([0.0, 0.0, -np.inf, 0.0]),
        np.zeros(frame, np.float32),
        np.zeros(frame, np.bool_),
        new_sightings(2 * _most_of(frame), levels),
    )


@numba.njit(cache=True, nogil=True)
def _most_of(frame: int) -> int:
    """Return how many triggers can end in a frame: one in each period, and one that was open before."""
    return frame + 1


@numba.njit(cache=True, nogil=True)
def whole_periods(watched: Watched, clock: Doubles, most: int) -> int:
    """Periods from the clock's origin on that the samples hold whole, at most so many."""
    end = watched.first_tick + watched.flat.shape[0] // watched.n_channels - MARGIN_TICKS
    periods: int = math.floor((end - clock[0]) / clock[1])
    return max(0, min(most, periods))


@numba.njit(cache=True, nogil=True)
def walk(
    watched: Watched, model: Model, templates: Templates, steps: Steps, fold: Fold, trigger: TriggerState,
    progress: Progress, rules: Rules, final: bool, ahead: bool,
) -> int:  # fmt: skip
    """Go on frame by frame until samples run out or something is to be done; return a `Step`.

    Parameters
    ----------
    watched
        Samples that hold the period at the clock's origin; the walk takes whole frames of them, with `final` the
        incomplete one as well.
    ahead
        Search what is there of the incomplete frame, so that nobody waits for its end. Nothing is learned before that:
        what is found is what the whole frame gives. There must be room for the triggers of a frame.
    """
    clock, periods, sightings = model.clock, progress.periods, progress.sightings
    while True:
        n = whole_periods(watched, clock, rules.frame)
        if n < (1 if final else rules.frame):
            if ahead and n > periods[3]:
                _search_frame(watched, model, templates, steps, trigger, progress, rules, n)
                periods[3] = n
            return 0
        if sightings.number[0] + _most_of(rules.frame) > sightings.rows.shape[0]:
            return 1
        turn, every = int(periods[0]) // rules.frame, rules.learn_every
        if turn < SETTLING * every:
            every = max(1, every // CLOSELY)
        due, learned = turn % every == 0, False
        # What is learned from takes all scores, and so does the end of a trigger.
        if not due and trigger.periods[0] < 0 and periods[3] == 0.0:
            off = model.score[0] + rules.off_sigma * model.score[1]
            shortest, bridge, _ = trigger.lengths
            known = certainly_quiet(
                watched, clock[0], clock[1], templates, steps, progress.scores[:n], off, shortest, bridge
            )
            learned = known >= _enough(n)
        if not learned:
            _search_frame(watched, model, templates, steps, trigger, progress, rules, n)
            if trigger.periods[0] >= 0:
                progress.quiet[max(0, trigger.periods[0] - int(periods[0])) : n] = False
            learned = _is_quiet(progress.quiet[:n])
        if learned and due:
            others = periods[0] > periods[2] and turn % (OTHERS_EVERY * every) == 0
            _learn(watched, model, templates, fold, progress, rules.span[0], n, n * every, others)
        periods[1] = 0.0 if learned else periods[1] + n
        periods[0] += n
        periods[3] = 0.0
        clock[0] += n * clock[1]
        if periods[1] >= rules.lost:
            return 2


@numba.njit(cache=True, nogil=True)
def _search_frame(
    watched: Watched, model: Model, templates: Templates, steps: Steps, trigger: TriggerState, progress: Progress,
    rules: Rules, n: int,
) -> None:  # fmt: skip
    """Score the first `n` periods of a frame, and search those that were not searched before for triggers."""
    periods, scores, quiet = progress.periods, progress.scores[:n], progress.quiet[:n]
    score_periods(watched, model.clock[0], model.clock[1], templates, steps, scores)
    median, sigma = model.score[0], model.score[1]
    off = median + rules.off_sigma * sigma
    first, done = int(periods[0]), int(periods[3])
    for k in range(done, n):
        quiet[k] = scores[k] <= off
    push_scores(trigger, first + done, scores[done:], median, median + rules.on_sigma * sigma, off)
    for t in range(1, int(trigger.found[0, 0]) + 1):
        quiet[max(0, int(trigger.found[t, 0]) - first) : max(0, int(trigger.found[t, 1]) - first)] = False
    if trigger.found[0, 0] > 0.0:
        note_sightings(progress.sightings, trigger, model, periods[0])
        periods[2] = progress.sightings.rows[progress.sightings.number[0] - 1, 2] + rules.signal_after


@numba.njit(cache=True, nogil=True)
def _is_quiet(quiet: Flags) -> bool:
    """Tell whether a frame has enough quiet periods to learn from."""
    n_quiet = 0
    for k in range(quiet.shape[0]):
        n_quiet += quiet[k]
    return bool(n_quiet >= _enough(quiet.shape[0]))


@numba.njit(cache=True, nogil=True, inline="always")
def _enough(n: int) -> int:
    """Return how many periods of a frame of `n` must be quiet."""
    return max(4, n // 4)


@numba.njit(cache=True, nogil=True)
def _learn(
    watched: Watched, model: Model, templates: Templates, fold: Fold, progress: Progress, first_bin: int,
    n: int, n_since: int, others: bool,
) -> None:  # fmt: skip
    """Let clock, background and noise follow the quiet periods of a frame, `n_since` periods after the last one.

    With `others`, and nothing but quiet periods, the channels that are not watched follow as well.
    """
    quiet = progress.quiet[:n]
    clock, c = model.clock, watched.channel
    fold_periods(watched, clock[0], clock[1], first_bin, model.offsets[c], quiet, fold)
    error = phase_error(fold, first_bin, model.level[c], model.place)
    follow_place(fold, model.seen[c], model.place)
    follow_level(fold, first_bin, model.level[c], model.seen[c])
    follow_noise(progress.scores[:n], quiet, model.score)
    if others and np.all(quiet):
        for other in range(watched.n_channels):
            if other != c:
                beside = Watched(watched.flat, watched.n_channels, other, watched.first_tick)
                fold_periods(beside, clock[0], clock[1], first_bin, model.offsets[other], quiet, fold)
                follow_level(fold, first_bin, model.level[other], model.seen[other])
    correct_clock(clock, error, n_since)
    refresh_templates(templates, model.level[c])
