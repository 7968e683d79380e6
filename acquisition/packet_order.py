"""Puts numbered packets in order within a bounded window, and says what is missing: no socket, no clock."""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

WINDOW = 256
"""Packets; 2 MB of 8 kB each, far more than a switch exchanges."""
RESTART_AFTER = 32
"""Old numbers in a row, each above the one before, after which the sender must have begun to count anew."""
_MOST_RANGES = 256


class Ordered(NamedTuple, Generic[T]):
    """A packet in its place."""

    item: T
    missing: int = 0
    """Packets lost between the one before and this one."""
    restarted: bool = False
    """True if the sender began to count anew with this packet."""


class PacketOrder(Generic[T]):
    """Gives packets back by their sequence number; at most `window` of them wait for one that has not come.

    A packet may come after `window - 1` later numbers; when one more has come, it is declared lost. The numbers may
    begin anywhere: the first packets wait until the window is full, because one before them may still come, unless one
    of them is number 0. Every packet that comes is given back once, or counted as a duplicate or late.

    Parameters
    ----------
    window
        In packets, at least 1: with 1, nothing waits.
    restart_after
        Old numbers in a row, each above the one before, that mean a new count; they are given back then.
    """

    def __init__(self, window: int = WINDOW, restart_after: int = RESTART_AFTER) -> None:
        self._window = max(1, window)
        self._restart_after = max(1, restart_after)
        self._held: dict[int, T] = {}
        self._expected: int | None = None
        self._first = 0
        self._highest = -1
        self._missing = 0
        self._lost_ranges: deque[tuple[int, int]] = deque(maxlen=_MOST_RANGES)
        self._old: list[tuple[int, T, bool]] = []
        self._restarted = False
        self.reordered = 0
        """Packets that came after a later one and were put back in their place."""
        self.duplicates = 0
        """Packets that had come before, and were left out."""
        self.lost = 0
        """Packets that were declared lost."""
        self.late = 0
        """Packets that came after they were declared lost, or before the first; left out."""
        self.restarts = 0
        """Times the sender began to count anew."""

    @property
    def holds(self) -> bool:
        """True if packets wait for one that has not come."""
        return bool(self._held)

    def push(self, sequence: int, item: T) -> list[Ordered[T]]:
        """Take a packet; return what is in order now."""
        if sequence == self._expected and not self._held:
            # The usual case, and the only one that has to be fast.
            self._expected += 1
            self._highest = sequence
            if self._old:
                self._old = []
            return [self._ordered(item)]
        if self._expected is not None and sequence < self._expected:
            return self._take_old(sequence, item)
        self._old = []
        if sequence in self._held:
            self.duplicates += 1
            return []
        self.reordered += sequence < self._highest
        self._held[sequence] = item
        self._highest = max(self._highest, sequence)
        if self._expected is None:
            lowest = min(self._held)
            if lowest and self._highest - lowest + 1 < self._window:
                return []
            self._expected = self._first = lowest
        return self._advance(self._highest - self._window + 1)

    def flush(self) -> list[Ordered[T]]:
        """Give back all that waits, as after a silence; what is missing between counts as lost."""
        if not self._held:
            return []
        if self._expected is None:
            self._expected = self._first = min(self._held)
        return self._advance(self._highest + 1)

    def _advance(self, limit: int) -> list[Ordered[T]]:
        """Give up every missing number below `limit`, and give what follows without a hole."""
        ready: list[Ordered[T]] = []
        expected = self._expected or 0
        while self._held:
            if expected in self._held:
                ready.append(self._ordered(self._held.pop(expected)))
                expected += 1
                continue
            until = min(min(self._held), limit)
            if until <= expected:
                break
            self._lost_ranges.append((expected, until))
            self.lost += until - expected
            self._missing += until - expected
            expected = until
        self._expected = expected
        return ready

    def _ordered(self, item: T) -> Ordered[T]:
        ordered = Ordered(item, self._missing, self._restarted)
        self._missing, self._restarted = 0, False
        return ordered

    def _take_old(self, sequence: int, item: T) -> list[Ordered[T]]:
        late = sequence < self._first or self._was_lost(sequence)
        self.late += late
        self.duplicates += not late
        if self._old and sequence <= self._old[-1][0]:
            self._old = []
        self._old.append((sequence, item, late))
        return self._restart() if len(self._old) == self._restart_after else []

    def _was_lost(self, sequence: int) -> bool:
        for place in range(len(self._lost_ranges) - 1, -1, -1):
            begin, end = self._lost_ranges[place]
            if begin <= sequence < end:
                # What is left of the range on both sides: a second copy of this packet is a duplicate.
                del self._lost_ranges[place]
                self._lost_ranges.extend(part for part in ((begin, sequence), (sequence + 1, end)) if part[0] < part[1])
                return True
        return False

    def _restart(self) -> list[Ordered[T]]:
        ready, again = self.flush(), self._old
        self.late -= sum(late for _, _, late in again)
        self.duplicates -= sum(not late for _, _, late in again)
        self._old = []
        self._lost_ranges.clear()
        self.restarts += 1
        self._restarted, self._missing = True, 0
        self._expected = self._first = again[0][0]
        self._highest = -1
        for sequence, item, _ in again:
            ready += self.push(sequence, item)
        return ready
