"""Blocks on their way from the thread that receives them to the reader: bounded, and what does not fit is counted."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import EndOfStream, Overrun, SourceError, SourceTimeout
from acquisition.packet_stream import Delivery


class BlockQueue:
    """At most `most` blocks; when it is full, new blocks are lost, and the next one that fits says how many samples.

    Parameters
    ----------
    most
        Blocks.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._blocks: deque[Block] = deque()
        self._end: SourceError | None = None
        self._stopped = False
        self._changed = threading.Condition()
        self._owed: Block | None = None
        self.samples_unread = 0
        """Samples per channel that found no room."""

    def put(self, delivery: Delivery) -> None:
        """Add a block, or what ends the stream after the blocks before it."""
        with self._changed:
            if isinstance(delivery, SourceError):
                self._say_debt()
                self._end = delivery
            elif len(self._blocks) >= self._most:
                self._lose(delivery)
            else:
                self._blocks.append(self._with_debt(delivery))
            self._changed.notify_all()

    def get(self, timeout_s: float) -> Block:
        """Return the next block.

        Raises
        ------
        SourceTimeout
            None came in time.
        EndOfStream, Overrun, DeviceLost
            The stream has ended; said again every time, an overrun once.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if self._stopped:
                    raise EndOfStream("The stream was stopped.")
                if self._blocks:
                    return self._blocks.popleft()
                if self._end is not None:
                    ended, self._end = self._end, _again(self._end)
                    raise ended
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise SourceTimeout("No packets came in time.")
                self._changed.wait(left_s)

    def stop(self) -> None:
        """End every wait, now and to come."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _lose(self, block: Block) -> None:
        self.samples_unread += block.n_samples
        before = self._with_debt(block)
        known = before.lost_before != UNKNOWN_LOSS
        self._owed = replace(
            before,
            data=block.data[:0].copy(),
            first_sample=block.end_sample,
            lost_before=before.lost_before + block.n_samples if known else UNKNOWN_LOSS,
            clipped=None,
        )

    def _with_debt(self, block: Block) -> Block:
        """Return a block with what was lost before it in the queue."""
        owed, self._owed = self._owed, None
        if owed is None:
            return block
        known = owed.epoch == block.epoch and UNKNOWN_LOSS not in (owed.lost_before, block.lost_before)
        return replace(block, lost_before=owed.lost_before + block.lost_before if known else UNKNOWN_LOSS)

    def _say_debt(self) -> None:
        """Say what was lost at the very end, by an empty block."""
        if self._owed is not None:
            self._blocks.append(self._owed)
            self._owed = None


def _again(end: SourceError) -> SourceError:
    return EndOfStream("The epoch is over.") if isinstance(end, Overrun) else end
