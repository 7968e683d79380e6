"""What a source gives, on its way to a network client: read by a thread of its own, held in a bounded queue."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import EndOfStream, LightlineError, Overrun, SourceTimeout
from acquisition.network_messages import Data, End, Message, Status, StatusCode, TruthRows
from acquisition.source import Source
from simulator.truth_log import TruthLog

QUEUE_BYTES = 64 << 20
PART_BYTES = 16 << 20
_TURN_S = 0.1


class Feed:
    """Messages of one start of a source, in order; the last is an `End`, or a `Status` with an error.

    States: new -> `start` -> feeding -> (the source ends) -> ended -> `close`.

    Parameters
    ----------
    source
        Started by `start` and stopped by `close`.
    live
        What happens when the client is slower than the source and the queue is full: True drops the newest block, and
        the block after it says how much is missing; False lets the source wait.
    first_epoch
        Epoch to give the first block; None leaves epochs as they are.
    queue_bytes
        Most bytes of samples held.
    """

    def __init__(
        self, source: Source, *, live: bool, first_epoch: int | None = None, queue_bytes: int = QUEUE_BYTES
    ) -> None:
        self._source = source
        self._live = live
        self._queue_bytes = queue_bytes
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._owed = 0
        self._last: Block | None = None
        self._first_epoch = first_epoch
        self._epoch_shift: int | None = None
        self._truth = TruthLog()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.samples_dropped = 0
        """Samples per channel that the client was too slow for."""

    @property
    def first_epoch(self) -> int | None:
        """Epoch of the first block as it was given on; None before there was one."""
        return self._first_epoch

    def start(self) -> None:
        """Begin."""
        self._source.start()
        self._thread.start()

    def take(self, timeout_s: float) -> Message | None:
        """Return the next message, or None if none came in time."""
        with self._changed:
            if not self._queue:
                self._changed.wait(timeout_s)
            if not self._queue:
                return None
            message = self._queue.popleft()
            self._queued_bytes -= _size(message)
            self._changed.notify_all()
            return message

    def close(self) -> None:
        """Stop the source, and wait for the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._source.stop()
        self._thread.join()

    def _run(self) -> None:
        last: Message
        try:
            while not self._closed:
                self._read_one()
            return
        except EndOfStream as end:
            last = End(str(end))
        except Overrun as error:
            last = Status(StatusCode.OVERRUN, str(error))
        except LightlineError as error:
            last = Status(StatusCode.DEVICE_LOST, str(error))
        except Exception as error:  # the client must learn of it, whatever it is
            last = Status(StatusCode.DEVICE_LOST, f"The server failed ({type(error).__name__}: {error}).")
        if not self._closed:
            self._put_truth()
            if self._owed and self._last is not None:
                self._put(_nothing_after(self._last, self._owed))
            self._put(last)

    def _read_one(self) -> None:
        try:
            block = self._source.read(_TURN_S)
        except SourceTimeout:
            return
        if self._epoch_shift is None:
            self._first_epoch = block.epoch if self._first_epoch is None else self._first_epoch
            self._epoch_shift = self._first_epoch - block.epoch
        if self._truth.is_due() and not self._owed:
            # Before the block: whoever has the samples then knows of their cells.
            self._put_truth()
        data = block.data.copy() if block.borrowed else block.data
        whole = replace(block, data=data, epoch=block.epoch + self._epoch_shift, borrowed=False)
        block.release()
        for own in _in_parts(whole):
            self._give_on(own)

    def _give_on(self, block: Block) -> None:
        lost = UNKNOWN_LOSS if UNKNOWN_LOSS in (self._owed, block.lost_before) else self._owed + block.lost_before
        self._last = replace(block, lost_before=lost)
        if self._put(Data(self._last)):
            self._owed = 0
        else:
            self.samples_dropped += block.n_samples
            self._owed = lost if lost == UNKNOWN_LOSS else lost + block.n_samples

    def _put_truth(self) -> None:
        began_s = time.thread_time()
        truth = self._source.truth()
        if truth is None:
            return
        for rows, replaces in self._truth.news(truth, began_s):
            shifted = dict(rows)
            if "epoch" in shifted:
                shifted["epoch"] = np.asarray(shifted["epoch"], np.int64) + (self._epoch_shift or 0)
            self._put(TruthRows(shifted, replaces))

    def _put(self, message: Message) -> bool:
        """Queue a message; False if it is a block that there is no room for."""
        size = _size(message)
        with self._changed:
            while size and self._queue and self._queued_bytes + size > self._queue_bytes and not self._closed:
                if self._live:
                    return False
                self._changed.wait()
            self._queue.append(message)
            self._queued_bytes += size
            self._changed.notify_all()
        return True


def _size(message: Message) -> int:
    return message.block.data.nbytes if isinstance(message, Data) else 0


def _in_parts(block: Block) -> Iterator[Block]:
    """Cut a block that is too long for a message; others stay whole."""
    rows = max(1, PART_BYTES // max(1, block.data[:1].nbytes))
    if block.n_samples <= rows:
        yield block
        return
    for begin in range(0, block.n_samples, rows):
        yield replace(
            block,
            data=block.data[begin : begin + rows],
            first_sample=block.first_sample + begin,
            lost_before=0 if begin else block.lost_before,
            clipped=None,
        )


def _nothing_after(block: Block, lost: int) -> Data:
    """Return an empty block that says what was lost at the very end."""
    end = block.end_sample
    return Data(replace(block, data=block.data[:0], first_sample=end, lost_before=lost, clipped=None))
