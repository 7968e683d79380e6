"""Triggers as the walk sees them end, each with clock and background as they stood then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.copying import copy_row
from acquisition.event import Background, ClockState
from acquisition.folding import Doubles, Floats
from acquisition.learning import Model
from acquisition.triggers import Trigger, TriggerState


class Sightings(NamedTuple):
    """Room for `m` triggers, as the kernels take it; the arrays change in place.

    Attributes
    ----------
    number
        `(1,)`: how many there are.
    rows
        `(m, 9)`: start, stop, centre and peak of each as in `Trigger`; the clock as in `Model`: where the period begins
        that was next, length of a period, and 1 if it was locked; number of that period, and spread of the scores of
        empty ones.
    levels
        `(m, n_channels, n_bins)`: the background.
    """

    number: npt.NDArray[np.int64]
    rows: Doubles
    levels: Floats


@dataclass(frozen=True, slots=True)
class Sighting:
    """A trigger with the state that it was seen in.

    Attributes
    ----------
    trigger
        In periods of the stretch.
    clock
        Its origin is the start of period `frame_period`.
    frame_period
        Number of a period of the stretch.
    background
        Not changed later.
    sigma
        Spread of the scores of empty periods, counts.
    """

    trigger: Trigger
    clock: ClockState
    frame_period: int
    background: Background
    sigma: float

    def tick_of(self, period: float) -> float:
        """Tick at which a period of the stretch begins, by the clock as it stood."""
        return self.clock.origin_tick + (period - self.frame_period) * self.clock.period_ticks


def new_sightings(most: int, levels: tuple[int, int]) -> Sightings:
    """Return room for so many triggers above a background of this shape."""
    return Sightings(np.zeros(1, np.int64), np.zeros((most, 9)), np.zeros((most, *levels), np.float32))


@numba.njit(cache=True, nogil=True)
def note_sightings(sightings: Sightings, trigger: TriggerState, model: Model, frame_period: float) -> None:
    """Add the triggers that ended last."""
    for t in range(1, int(trigger.found[0, 0]) + 1):
        k = sightings.number[0]
        sightings.number[0] += 1
        row = sightings.rows[k]
        copy_row(trigger.found[t], row)
        copy_row(model.clock[:3], row[4:])
        row[7] = frame_period
        row[8] = model.score[1]
        for channel in range(model.level.shape[0]):
            copy_row(model.level[channel], sightings.levels[k, channel])


def take_sightings(sightings: Sightings, model: Model) -> list[Sighting]:
    """Return what there is, and leave the room empty."""
    count = int(sightings.number[0])
    sightings.number[0] = 0
    levels, noise, offsets = sightings.levels[:count].copy(), model.noise.copy(), model.offsets.astype(np.float32)
    return [
        Sighting(
            Trigger(int(start), int(stop), centre, peak),
            ClockState(period, origin, locked > 0.0),
            int(frame_period),
            Background(level, noise, offsets),
            sigma,
        )
        for (start, stop, centre, peak, origin, period, locked, frame_period, sigma), level in zip(
            sightings.rows[:count].tolist(), levels, strict=True
        )
    ]
