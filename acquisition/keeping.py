"""Choose what of a stream is recorded where only the cells matter: their windows, and what a replay finds them by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.block_parts import part_of
from acquisition.event import ClockState, Event

HELD_BYTES = 256 << 20
HOLD_PERIODS = 4096
"""Detection gives an event out at most this many scans or lines after its window began."""

MARGIN_BEFORE, MARGIN_AFTER = 192, 64
"""Periods kept around a window: before it, clock and background are found again in them."""

BEAT_PERIODS, BEAT_KEPT = 4096, 128
"""Every so many periods so many are kept, cells or not, so that a replay can follow clock and background."""


class Keep(StrEnum):
    """What a recording holds."""

    FULL = "full"
    """Every sample."""
    WINDOWS = "windows"
    """The windows of events with a margin, and what a replay needs to find the same events again."""


@dataclass(slots=True)
class _Held:
    block: Block
    searched: bool = False
    whole: bool = True


class WindowKeeper:
    """Holds a stream back until detection has looked at it, then gives out what is to be kept of it.

    Kept are the first stretch after each start of the clock until detection knows the clock, the window of every event
    with a margin, a short beat now and then, and everything that detection did not see. The rest is omitted, and the
    next block that is given out says how much that was. Where detection lags by more than `held_bytes`, the oldest
    samples are kept undecided: memory is bounded, and nothing is lost for it. Not to be used by two threads at a time.
    """

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._held_bytes = held_bytes
        self._held: deque[_Held] = deque()
        self._bytes = 0
        self._spans: list[tuple[int, int, int]] = []
        self._epoch = -1
        self._clock: ClockState | None = None
        self._next_beat = 0.0
        self._lost = self._omitted = 0
        self._last_omitted = (-1, 0)
        self.samples_omitted = 0
        """Samples per channel left out so far."""
        self.events_cut = 0
        """Events that came so late that a part of their windows had been left out."""

    def add(self, block: Block) -> list[Block]:
        """Take the next block, whose data must stay; return what is to be kept now."""
        self._held.append(_Held(block))
        self._bytes += block.data.nbytes
        kept: list[Block] = []
        while self._bytes > self._held_bytes:
            kept += self._give_out(whole=True)
        return kept

    def searched(self, block: Block, events: Sequence[Event], clock: ClockState | None) -> list[Block]:
        """Take what detection says after it took a block; return what is to be kept now.

        Parameters
        ----------
        block
            The block, known by its place on the clock.
        events
            Given out with it.
        clock
            Of the detector, as it then stands.
        """
        fresh = block.epoch != self._epoch or block.lost_before == UNKNOWN_LOSS or self._clock is None or clock is None
        if block.epoch != self._epoch:
            self._next_beat = block.first_sample
        self._epoch, self._clock = block.epoch, clock
        self.found(events)
        if clock is not None:
            self._beat(block, clock.period_ticks)
        for held in self._held:
            if (held.block.epoch, held.block.first_sample) == (block.epoch, block.first_sample):
                held.searched, held.whole = True, fresh
                return self._decided(block, 0.0 if clock is None else HOLD_PERIODS * clock.period_ticks)
        return []

    def found(self, events: Sequence[Event]) -> None:
        """Keep the windows of events."""
        for event in events:
            period, end = event.clock.period_ticks, event.window_tick + len(event.window)
            if event.epoch == self._last_omitted[0] and event.window_tick < self._last_omitted[1]:
                self.events_cut += 1
            start, stop = event.window_tick - MARGIN_BEFORE * period, end + MARGIN_AFTER * period
            self._spans.append((event.epoch, round(start), round(stop)))

    def rest(self) -> list[Block]:
        """End the stream: return what is to be kept of all that is held."""
        kept: list[Block] = []
        while self._held:
            kept += self._give_out(whole=self._held[0].whole)
        return kept

    def _beat(self, block: Block, period: float) -> None:
        self._next_beat = max(self._next_beat, block.first_sample)
        while block.end_sample > self._next_beat:
            self._spans.append((block.epoch, int(self._next_beat), round(self._next_beat + BEAT_KEPT * period)))
            self._next_beat += BEAT_PERIODS * period

    def _decided(self, newest: Block, hold_ticks: float) -> list[Block]:
        """Give out what no event can reach any more; what detection passed over is kept whole."""
        kept: list[Block] = []
        frontier = newest.end_sample - hold_ticks
        while self._held:
            head = self._held[0].block
            if head.epoch > newest.epoch or (head.epoch == newest.epoch and head.end_sample > frontier):
                break
            kept += self._give_out(whole=self._held[0].whole)
        epoch, first = (
            (self._held[0].block.epoch, self._held[0].block.first_sample) if self._held else (newest.epoch, 0)
        )
        self._spans = [span for span in self._spans if (span[0], span[2]) > (epoch, first)]
        return kept

    def _give_out(self, whole: bool) -> Iterator[Block]:
        block = self._held.popleft().block
        self._bytes -= block.data.nbytes
        self._lost = UNKNOWN_LOSS if UNKNOWN_LOSS in (self._lost, block.lost_before) else self._lost + block.lost_before
        self._omitted += block.omitted_before
        at = 0
        for start, stop in [(0, block.n_samples)] if whole else _runs(self._mask(block)):
            self._omit(block, at, start)
            at = stop
            yield self._kept(part_of(block, start, stop), block.n_samples)
        self._omit(block, at, block.n_samples)

    def _mask(self, block: Block) -> npt.NDArray[np.bool_]:
        mask = np.zeros(block.n_samples, np.bool_)
        for epoch, start, stop in self._spans:
            if epoch == block.epoch:
                mask[max(0, start - block.first_sample) : max(0, stop - block.first_sample)] = True
        return mask

    def _omit(self, block: Block, start: int, stop: int) -> None:
        if stop > start:
            self._omitted += stop - start
            self.samples_omitted += stop - start
            self._last_omitted = (block.epoch, block.first_sample + stop)

    def _kept(self, part: Block, of: int) -> Block:
        # A small view would hold the memory of its whole block.
        data = part.data.copy() if 2 * part.n_samples < of else part.data
        kept = replace(part, data=data, lost_before=self._lost, omitted_before=self._omitted)
        self._lost = self._omitted = 0
        return kept


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where a mask is true, as starts and ends."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)
    return [(int(start), int(stop)) for start, stop in edges]
