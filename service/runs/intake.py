"""The first stage: blocks out of the source, onto the recorder and the line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.continuity import Continuity
from acquisition.errors import BadStream, DeviceLost, EndOfStream, LightlineError, Overrun, SourceTimeout
from acquisition.recorder import Recorder
from acquisition.source import Source
from service.run import FinishReason
from service.runs.arrivals import Arrivals
from service.runs.edge import Edge
from service.runs.ledger import LedgerBook
from service.runs.restarts import Restarts

_TURN_S = 0.1

End = Callable[[FinishReason, str | None], None]


class Intake:
    """Reads a source until it ends, `stop` is called, or the time asked for is over; counts every sample.

    A digitizer that overran is started again: the epoch that follows begins with a loss of unknown size.

    Parameters
    ----------
    seconds
        Time on the sample clock after which to end, to the sample; None for no limit.
    end
        Told why there are no more samples.
    restarts
        How often to start again; None for as often as it helps, see `Restarts`.
    """

    def __init__(
        self,
        source: Source,
        recorder: Recorder | None,
        blocks: Edge[Block],
        ledger: LedgerBook,
        seconds: float | None,
        end: End,
        restarts: int | None = None,
    ) -> None:
        self._source = source
        self._recorder = recorder
        self._blocks = blocks
        self._ledger = ledger
        self._left = None if seconds is None else round(seconds * source.instrument.sample_rate_hz)
        self._end = end
        self._stopping = threading.Event()
        self._continuity = Continuity(source.instrument)
        self._restarts = Restarts(restarts, second=source.instrument.sample_rate_hz)
        self._overran = False
        self._owed = 0
        self.arrivals = Arrivals()
        self.end_of_data: tuple[int, int] = (0, 0)
        """Epoch of the last sample given on, and the tick after it."""

    def stop(self) -> None:
        """Take no more samples; from any thread."""
        self._stopping.set()
        self._source.stop()

    def run(self) -> None:
        """Read to the end."""
        try:
            self._source.start()
            while not self._stopping.is_set():
                block = self._next_block()
                if block is not None:
                    self._give_on(self._cut(block))
        finally:
            self._blocks.close()
            self._source.stop()

    def _next_block(self) -> Block | None:
        """Return the new samples of a block of the source; None if there are none yet, or no more."""
        try:
            block = self._own(self._source.read(timeout_s=_TURN_S))
        except SourceTimeout:
            return None
        except EndOfStream:
            self._stopping.set()
            self._end(FinishReason.SOURCE_ENDED, None)
        except Overrun as error:
            self._after_overrun(error)
        except (DeviceLost, BadStream) as error:
            self._stopping.set()
            self._end(FinishReason.SOURCE_LOST, str(error))
        else:
            return block
        return None

    def _after_overrun(self, overrun: Overrun) -> None:
        """Start again where that helps; whatever came in between is lost, and nobody knows how much."""
        self._ledger.overran()
        refused = self._restarts.refusal(overrun)
        reason = FinishReason.OVERRUN
        if refused is None:
            self._overran = True
            try:
                self._source.start()
            except LightlineError as error:
                reason, refused = FinishReason.SOURCE_LOST, str(error)
        if refused is not None:
            self._stopping.set()
            self._end(reason, refused)

    def _own(self, block: Block) -> Block:
        """Return what is new in a block, in memory that stays."""
        new = self._continuity.admit(block)
        self._ledger.repeated(block.n_samples - new.n_samples)
        self._restarts.samples(new.n_samples)
        if self._overran:
            self._overran = False
            # What the source knows to have lost besides is counted too.
            self._ledger.samples(0, max(0, new.lost_before))
            new = replace(new, lost_before=UNKNOWN_LOSS)
        if not block.borrowed:
            return new
        own = replace(new, data=new.data.copy(), borrowed=False)
        block.release()
        return own

    def _cut(self, block: Block) -> Block:
        """End the stream at the sample that was asked for, wherever blocks happen to end."""
        if self._left is None:
            return block
        room = self._left - max(0, block.lost_before) - block.omitted_before
        self._left = room - block.n_samples
        if self._left > 0:
            return block
        self._stopping.set()
        self._end(FinishReason.TARGET_REACHED, None)
        return replace(block, data=block.data[: max(0, room)], clipped=None)

    def _give_on(self, block: Block) -> None:
        self.arrivals.enter(block.epoch, block.end_sample)
        if self._recorder is not None:
            self._recorder.put(block)
            if self._recorder.error is not None:
                self._stopping.set()
                self._end(FinishReason.STORAGE, str(self._recorder.error))
        self._ledger.samples(0, block.lost_before)
        self._ledger.omitted(block.omitted_before)
        lost = UNKNOWN_LOSS if UNKNOWN_LOSS in (self._owed, block.lost_before) else self._owed + block.lost_before
        if block.n_samples == 0:
            # Nothing to detect in, but what it says was lost holds for the next one.
            self._owed = lost
        elif self._blocks.put(replace(block, lost_before=lost)):
            self._ledger.samples(block.n_samples)
            self.end_of_data = (block.epoch, block.end_sample)
            self._owed = 0
        else:
            # The line was full: for detection it is as if the source had lost these samples.
            self._ledger.samples(0, block.n_samples)
            self._owed = lost if lost == UNKNOWN_LOSS else lost + block.n_samples
