"""What a drawing of a recording needs, taken on the one pass over its samples and within bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from acquisition.block import Block, Samples, column
from acquisition.detection import Detector
from acquisition.event import Background, ClockState, Event
from acquisition.instrument import Instrument, Role

MOST_EVENTS = 32
HEAD_PERIODS = 1000
"""Scans or lines from the start that are kept to be folded."""
LOOKS = 400
"""Times that the clock is looked at, of a recording whose length is known."""
LEAST_PERIODS = 64
"""Between two looks; a detector corrects its clock no more often."""


@dataclass(frozen=True, slots=True)
class ClockLook:
    """The clock at one look.

    Attributes
    ----------
    done
        Samples of the recording that were read by then.
    epoch
        Of the sample clock.
    clock
        As it stood.
    """

    done: int
    epoch: int
    clock: ClockState


class Sketch:
    """Samples of the start, looks at the clock, the last background and the first events of a recording."""

    def __init__(self) -> None:
        self.head: Samples = np.zeros(0, np.int8)
        """`(n,)` first samples of the channel that events are found in, without a gap."""
        self.head_tick = 0
        self.head_epoch = 0
        self.looks: list[ClockLook] = []
        self.gaps: list[int] = []
        """Samples read before each gap."""
        self.events: list[Event] = []
        self.background: Background | None = None
        self.column = 0
        """Of the channel that events are found in."""
        self.instrument: Instrument | None = None
        self._parts: list[Samples] = []
        self._done = self._epoch = self._piece = self._wanted = 0
        self._whole = False

    def begin(self, instrument: Instrument, total_samples: int) -> None:
        """Take what is coming: its instrument, and how long it is."""
        sheet = instrument.kind == "light_sheet"
        rate_hz = instrument.light_sheet.scan.rate_hz if sheet else instrument.time_stretch.line_rate_hz
        period = instrument.sample_rate_hz / rate_hz
        self.instrument = instrument
        self.column = instrument.columns(Role.TRANSMISSION if sheet else Role.LINE)[0]
        self._piece = max(total_samples // LOOKS, round(LEAST_PERIODS * period))
        self._wanted = round(HEAD_PERIODS * period)

    def pieces(self, block: Block) -> Iterator[Block]:
        """Cut a block so that the clock can be looked at in between; events do not depend on it."""
        broken = self._done > 0 and (block.lost_before != 0 or block.epoch != self._epoch)
        if broken:
            self.gaps.append(self._done)
            self._close_head()
        self._epoch = block.epoch
        if self._done == 0:
            self.head_tick, self.head_epoch = block.first_sample, block.epoch
        for start in range(0, block.n_samples, self._piece):
            data = block.data[start : start + self._piece]
            if not self._whole:
                self._parts.append(column(data, self.column).copy())
                self._whole = sum(map(len, self._parts)) >= self._wanted
            self._done += data.shape[0]
            first = block.first_sample + start
            yield block if data.shape == block.data.shape else self._piece_of(block, data, first, is_first=start == 0)

    def take(self, detector: Detector, events: list[Event]) -> None:
        """Look at the detector after it has taken a piece, or the end, and at the events that it gave."""
        self.events += events[: MOST_EVENTS - len(self.events)]
        if (clock := detector.clock) is None:
            return
        self.background = detector.background
        if not self.looks or self.looks[-1].clock != clock:
            self.looks.append(ClockLook(self._done, self._epoch, clock))

    def finish(self) -> None:
        """End the pass."""
        self._close_head()

    def _close_head(self) -> None:
        if self._parts:
            self.head = cast("Samples", np.concatenate(self._parts)[: self._wanted])
            self._parts = []
        self._whole = True

    @staticmethod
    def _piece_of(block: Block, data: Samples, first_sample: int, is_first: bool) -> Block:
        lost, omitted = (block.lost_before, block.omitted_before) if is_first else (0, 0)
        return replace(block, data=data, first_sample=first_sample, lost_before=lost, omitted_before=omitted)
