"""Checks for sources that behave in one certain way: a counter, a pause, an overrun, a wrapping time stamp."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np

from acquisition.block import UNKNOWN_LOSS, Block, Samples
from acquisition.errors import EndOfStream, Overrun, SourceError, SourceTimeout
from acquisition.source import Source
from acquisition.testing.tools import TIMEOUT_S, Check, MakeSource, expect, expect_error, ramp, take

_IDLE_TIMES = 65
_IDLE_TIMEOUT_S = 0.005
_PATIENCE_S = 10.0
STAMP_BITS = 40
"""Of the time stamps of some digitizers: they wrap after 2**40 ticks."""


def check_ramp(make: MakeSource) -> None:
    """Check that every sample stands at its tick, in its channel, with its sign."""
    with make() as source:
        source.start()
        blocks = take(source)
        expect(sum(block.n_samples for block in blocks) > 0, "no samples came")
        for block in blocks:
            wanted = ramp(source.instrument, block.first_sample, block.n_samples)
            expect(np.array_equal(block.data, wanted), _ramp_fault(block, wanted))


def check_ramp_spans_the_range(make: MakeSource) -> None:
    """Check that the converter's lowest and highest count come as they are, and in the instrument's own type."""
    with make() as source:
        digitizer = source.instrument.digitizer
        source.start()
        blocks = [block for block in take(source, 2 << digitizer.bits) if block.n_samples]
        expect(all(block.data.dtype == digitizer.dtype for block in blocks), f"samples must be {digitizer.dtype}")
        lowest, highest = min(int(b.data.min()) for b in blocks), max(int(b.data.max()) for b in blocks)
        expect(lowest == digitizer.lowest, f"the lowest count is {lowest}, not {digitizer.lowest}")
        expect(highest == digitizer.highest, f"the highest count is {highest}, not {digitizer.highest}")


def check_held_blocks_keep_the_ramp(make: MakeSource) -> None:
    """Check that ten blocks that are held, or copied where they are borrowed, are the ramp once all have come."""
    with make() as source:
        source.start()
        held: list[Block] = []
        while len(held) < 10 and (more := take(source, 1)):
            held += more
        for block in held:
            wanted = ramp(source.instrument, block.first_sample, block.n_samples)
            expect(np.array_equal(block.data, wanted), f"a held block changed: {_ramp_fault(block, wanted)}")


def check_idle_is_not_the_end(make: MakeSource) -> None:
    """Check that a source that pauses says 65 times that nothing came, and then goes on where it was."""
    with make() as source:
        source.start()
        before, idle = None, 0
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            expect(time.monotonic() < deadline_s, f"the source did not pause for {_IDLE_TIMES} time-outs and go on")
            try:
                block = source.read(_IDLE_TIMEOUT_S)
            except SourceTimeout:
                idle += 1
                continue
            except EndOfStream:
                raise AssertionError(f"the stream ended after {idle} time-outs; a pause is not the end.") from None
            if before is not None and idle >= _IDLE_TIMES:
                break
            before, idle = block, 0
        expect(block.epoch == before.epoch, "a pause began a new epoch")
        missing = block.first_sample - before.end_sample
        expect(block.lost_before in (missing, UNKNOWN_LOSS), f"{missing} ticks are missing after a pause")


def check_overrun_ends_the_epoch(make: MakeSource) -> None:
    """Check that an overrun is said once, after all samples before it, and ends the epoch."""
    with make() as source:
        source.start()
        last, kept = _read_to_overrun(source)
        expect(last.borrowed or np.array_equal(last.data, kept), "the last block before an overrun changed")
        expect_error(EndOfStream, lambda: source.read(TIMEOUT_S), "a read after an overrun")


def check_start_after_overrun(make: MakeSource) -> None:
    """Check that a start after an overrun begins the next epoch, with samples."""
    with make() as source:
        source.start()
        last, _ = _read_to_overrun(source)
        source.start()
        again = take(source, 1)
        expect(bool(again), "no samples came after an overrun and a new start")
        expect(again[0].epoch == last.epoch + 1, f"epoch {again[0].epoch} came after an overrun in {last.epoch}")


def check_stop_after_overrun(make: MakeSource) -> None:
    """Check that a source that overran can be stopped and closed."""
    source = make()
    source.start()
    _read_to_overrun(source)
    source.stop()
    expect_error(EndOfStream, lambda: source.read(TIMEOUT_S), "a read after an overrun and a stop")
    source.close()


def check_stamps_wrap(make: MakeSource) -> None:
    """Check that a time stamp that wraps at 40 bits changes neither the ticks nor the epoch."""
    with make() as source:
        source.start()
        blocks = [block for block in take(source) if block.device_ticks is not None]
        stamps = [block.device_ticks or 0 for block in blocks]
        expect(max(stamps, default=0) < 1 << STAMP_BITS, f"a time stamp has more than {STAMP_BITS} bits")
        wraps = [k for k in range(1, len(stamps)) if stamps[k] < stamps[k - 1]]
        expect(len(wraps) == 1, f"the time stamp wrapped {len(wraps)} times in place of once")
        before, after = blocks[wraps[0] - 1], blocks[wraps[0]]
        expect(after.epoch == before.epoch, "a wrapped time stamp began a new epoch")
        passed = (stamps[wraps[0]] - stamps[wraps[0] - 1]) % (1 << STAMP_BITS)
        expect(passed < 1 << (STAMP_BITS - 1), "the time stamp went back, it did not wrap")
        missing = after.first_sample - before.end_sample
        expect(missing == after.lost_before, f"{missing} ticks are missing where the time stamp wrapped")


RAMP_CHECKS: tuple[Check, ...] = (check_ramp, check_ramp_spans_the_range, check_held_blocks_keep_the_ramp)
"""For sources whose signal is `ramp`: a digitizer's test pattern, or a simulation of one."""

IDLE_CHECKS: tuple[Check, ...] = (check_idle_is_not_the_end,)
"""For sources that give samples, then none for half a second or more, and then samples again."""

OVERRUN_CHECKS: tuple[Check, ...] = (check_overrun_ends_the_epoch, check_start_after_overrun, check_stop_after_overrun)
"""For sources that overrun in mid-stream, at every start or only at the first."""

WRAP_CHECKS: tuple[Check, ...] = (check_stamps_wrap,)
"""For sources whose device time stamp wraps at 40 bits once within the first 200,000 samples."""


def _read_to_overrun(source: Source) -> tuple[Block, Samples]:
    """Return the last block before an overrun, and a copy of its samples made when it came."""
    last: tuple[Block, Samples] | None = None
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        try:
            with suppress(SourceTimeout):
                block = source.read(TIMEOUT_S)
                last = (block, block.data.copy())
        except Overrun:
            if last is None:
                raise AssertionError("an overrun came before the first block.") from None
            return last
        except SourceError as other:
            raise AssertionError(f"an overrun must raise Overrun, not {type(other).__name__}.") from other
    raise AssertionError("the source did not overrun.")


def _ramp_fault(block: Block, wanted: Samples) -> str:
    wrong = np.argwhere(block.data != wanted)
    if not len(wrong):
        return f"samples of the type {block.data.dtype} are no ramp"
    row, column = wrong[0]
    got, right = block.data[row, column], wanted[row, column]
    return f"tick {block.first_sample + row} of channel {column} is {got} where the ramp has {right}"
