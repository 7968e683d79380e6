"""One trigger, cut out of the stream with all that is needed to make its image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples

BINS_PER_TICK = 4
"""Bins of the background for every tick: more than one, as the periods meet the samples at ever different places."""


class EventFlag(IntFlag):
    """What detection knows against an event."""

    NONE = 0

    OVERLAP = 1
    """Another event's signal falls inside this window, or several bodies lie in this trigger (see `Event.bodies`)."""
    GAP = 2
    """Samples were lost inside the window."""
    CLIPPED = 4
    """More samples at the ends of the converter's range than the empty stream has."""
    TRUNCATED = 8
    """The window reaches beyond the start or the end of the stream."""
    UNLOCKED = 16
    """The scan or line clock was not locked."""
    LONG = 32
    """The trigger lasted longer than one cell can: a doublet, a clump or a bubble."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """The scan or line clock as it stood at an event, in ticks of the sample clock."""

    period_ticks: float
    """Samples per scan or per line."""
    origin_tick: float
    """Where a scan or line begins; for any tick t the phase is ((t - origin) / period) mod 1."""
    locked: bool = True


@dataclass(frozen=True, slots=True)
class Background:
    """What an empty scan or line looks like.

    Attributes
    ----------
    level
        `(n_channels, n_bins)` float32, counts; bin b lies (b + 1/2) / `BINS_PER_TICK` ticks after the start of the
        scan or line, and the last few bins beyond its end.
    noise
        `(n_channels,)` float32, counts, standard deviation of one sample about its level.
    core_offsets
        `(n_channels, n_cores)` float32, counts, offset of the converter core that takes the ticks with that remainder.
    """

    level: npt.NDArray[np.float32]
    noise: npt.NDArray[np.float32]
    core_offsets: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Event:
    """One trigger: its raw window, its place on the sample clock, and what detection measured.

    Attributes
    ----------
    event_id
        From the run's one counter, starting at 1; a gap in the ids is a lost event.
    epoch
        Epoch of the sample clock that the ticks belong to.
    trigger_tick
        Centre of the trigger, ticks, fractional.
    duration_ticks
        Length of the trigger, ticks.
    window_tick
        Tick of the first row of `window`.
    window
        `(n_samples, n_channels)` int8 or int16, raw counts of every channel.
    clock, background
        As they stood at the trigger.
    strength
        Peak of the detection score in multiples of its noise.
    flags
        `EventFlag` bits.
    bodies
        Bodies of a cell's size that could be told apart in the trigger; 0 if none was as large, or none was sought.
    neighbours
        Centre and length, ticks, of every other trigger whose signal falls inside this window.
    """

    event_id: int
    epoch: int
    trigger_tick: float
    duration_ticks: float
    window_tick: int
    window: Samples
    clock: ClockState
    background: Background
    strength: float
    flags: EventFlag = EventFlag.NONE
    bodies: int = 0
    neighbours: tuple[tuple[float, float], ...] = ()


def window_phases(event: Event) -> npt.NDArray[np.float64]:
    """Scan or line number of every row of the window, fractional, `(n_samples,)`; its fraction is the phase."""
    ticks = event.window_tick + np.arange(event.window.shape[0], dtype=np.float64)
    return (ticks - event.clock.origin_tick) / event.clock.period_ticks
