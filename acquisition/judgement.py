"""What a run decided about its events, kept with a recording that left most of the stream out.

Detection decides by a background that it follows through the whole stream. A replay of event windows follows it on
fewer samples, and would decide otherwise where it is close; so it takes what was decided when every sample was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from acquisition.block import Block
from acquisition.event import Event, EventFlag

JUDGED_DTYPE = np.dtype([("epoch", "<i4"), ("tick", "<f8"), ("flags", "<u4"), ("bodies", "<u4")])
"""Place of an event's trigger, and its `flags` and `bodies`, as in `Event`."""

SAME_PERIODS = 2.0
"""Triggers of two plays of a recording that are as near as this are the same; others are farther apart."""
OWN_FLAGS = EventFlag.GAP | EventFlag.TRUNCATED | EventFlag.UNLOCKED
"""Flags that a replay may add: samples that were there once may be missing now."""


def judgements(events: Sequence[Event]) -> npt.NDArray[np.void]:
    """Return what was decided about events, `(n,)` of `JUDGED_DTYPE`."""
    rows = [(event.epoch, event.trigger_tick, int(event.flags), event.bodies) for event in events]
    return np.array(rows, dtype=JUDGED_DTYPE)


class Remembered:
    """Gives events of a replay what was decided about them; without anything known, events stay as they are."""

    def __init__(self) -> None:
        self._judged = np.empty(0, JUDGED_DTYPE)

    def learn(self, block: Block) -> None:
        """Take what a block says of the events in it."""
        if block.judged is not None and len(block.judged):
            self._judged = np.concatenate([self._judged, block.judged])

    def judged(self, events: list[Event]) -> list[Event]:
        """Return events, in order, as they were judged; what is known of them is then forgotten."""
        return [self._as_judged(event) for event in events] if len(self._judged) else events

    def _as_judged(self, event: Event) -> Event:
        away = np.where(self._judged["epoch"] == event.epoch, np.abs(self._judged["tick"] - event.trigger_tick), np.inf)
        if not len(away) or away.min() > SAME_PERIODS * event.clock.period_ticks:
            return event
        nearest = int(away.argmin())
        found = self._judged[nearest]
        # Events come in the order of their triggers.
        self._judged = self._judged[nearest + 1 :]
        flags = EventFlag(int(found["flags"])) | event.flags & OWN_FLAGS
        return replace(event, flags=flags, bodies=int(found["bodies"]))
