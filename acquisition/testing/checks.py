"""What every source must keep to."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import numpy as np

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import EndOfStream, SourceError, SourceTimeout
from acquisition.origin import Origin
from acquisition.source import Source
from acquisition.testing.leaks import check_no_thread_stays, check_nothing_leaks
from acquisition.testing.tools import TIMEOUT_S, Check, MakeSource, expect, expect_error, joined, read_to_end, take


def check_description(make: MakeSource) -> None:
    """Check that a source says what it is before it starts."""
    with make() as source:
        expect(isinstance(source, Source), f"{type(source).__name__} lacks a part of the protocol")
        expect(source.instrument.sample_rate_hz > 0, "the sample rate must be known")
        expect(isinstance(source.waits, bool), "waits is a flag")
        expect(isinstance(source.origin, Origin), "origin is one of " + ", ".join(Origin))
        expect("\n" not in source.description, "the description is one line")
        total = source.total_samples
        expect(total is None or total >= 0, "total_samples is None or a number of samples")


def check_read_needs_start(make: MakeSource) -> None:
    """Check that reading what was not started is refused, not answered with an empty wait."""
    with make() as source:
        expect_error(SourceError, lambda: source.read(TIMEOUT_S), "a read before the first start")


def check_blocks_fit(make: MakeSource) -> None:
    """Check that blocks have the instrument's type, columns and range."""
    with make() as source:
        digitizer, columns = source.instrument.digitizer, len(source.instrument.channels)
        source.start()
        for block in take(source):
            expect(block.data.dtype == digitizer.dtype, f"blocks must be {digitizer.dtype}, got {block.data.dtype}")
            expect(block.data.shape == (block.n_samples, columns), f"a block of shape {block.data.shape}")
            expect(block.first_sample >= 0 and block.epoch >= 0, "ticks and epochs are counted from 0")
            expect(block.lost_before >= UNKNOWN_LOSS, f"lost_before is {block.lost_before}")
            expect(block.fill is None or 0 <= block.fill <= 1, f"fill is {block.fill}, it must be 0 to 1")
            if block.clipped is not None:
                expect(block.clipped.shape == (columns,), "clipped has one count a channel")
                expect(bool((block.clipped <= block.n_samples).all()), "clipped counts samples")
            if block.n_samples:
                expect(block.data.min() >= digitizer.lowest, f"a sample below {digitizer.lowest}")
                expect(block.data.max() <= digitizer.highest, f"a sample above {digitizer.highest}")


def check_ticks_continue(make: MakeSource) -> None:
    """Check that ticks go on from block to block, or the block says how many samples are missing."""
    with make() as source:
        source.start()
        before: Block | None = None
        for block in take(source):
            if before is not None and block.epoch == before.epoch:
                missing = block.first_sample - before.end_sample
                known = block.lost_before != UNKNOWN_LOSS
                expect(missing >= 0, f"ticks went back by {-missing}")
                expect(not known or missing == block.lost_before, f"{missing} ticks missing, {block.lost_before} said")
            expect(before is None or block.epoch >= before.epoch, "epochs go up")
            before = block


def check_restart_is_a_new_epoch(make: MakeSource) -> None:
    """Check that a second start can be told from the first by its epoch, whether the first was stopped or not."""
    with make() as source:
        last = -1
        for stopped in (False, True, True):
            source.start()
            epochs = [block.epoch for block in take(source, 1)]
            expect(bool(epochs) and min(epochs) > last, f"epochs {epochs} after epoch {last} and a new start")
            last = max(epochs)
            if stopped:
                source.stop()


def check_stop_from_another_thread(make: MakeSource) -> None:
    """Check that stop ends a waiting read within a second."""
    with make() as source:
        source.start()
        ended, faults = threading.Event(), list[Exception]()
        reader = threading.Thread(target=read_to_end, args=(source, ended, faults), daemon=True)
        reader.start()
        time.sleep(TIMEOUT_S)
        source.stop()
        over = ended.wait(1.0)
        expect(not faults, f"a read raised {''.join(type(fault).__name__ for fault in faults)} in place of EndOfStream")
        expect(over, "a read went on for a second after stop")
        reader.join(1.0)


def check_stopped_is_ended(make: MakeSource) -> None:
    """Check that after stop every read says that the stream has ended."""
    with make() as source:
        source.start()
        source.stop()
        source.stop()
        for _ in range(3):
            expect_error(EndOfStream, lambda: source.read(TIMEOUT_S), "a read after stop")


def check_timeouts(make: MakeSource) -> None:
    """Check that an idle source says so in time, as often as needed, and then goes on."""
    with make() as source:
        source.start()
        for _ in range(65):
            began = time.monotonic()
            try:
                source.read(0.0)
            except SourceTimeout as idle:
                expect(isinstance(idle, TimeoutError), "an idle source raises a TimeoutError")
            except EndOfStream:
                return
            expect(time.monotonic() - began < 1.0, "a read without patience took a second")
        take(source, 1)


def check_close_twice(make: MakeSource) -> None:
    """Check that a closed source can be closed and stopped again, but not started."""
    source = make()
    source.start()
    source.close()
    source.close()
    source.stop()
    expect_error(SourceError, source.start, "a start after close")


def check_blocks_keep(make: MakeSource) -> None:
    """Check that a block keeps its samples while ten more are read, or until the next if borrowed."""
    with make() as source:
        source.start()
        held = next(iter(take(source, 1, copy=False)), None)
        if held is None:
            return
        samples = held.data.copy()
        if held.borrowed:
            time.sleep(TIMEOUT_S)
        else:
            for _ in range(10):
                with suppress(SourceTimeout, EndOfStream):
                    source.read(TIMEOUT_S)
        expect(np.array_equal(held.data, samples), "a held block changed; it must be flagged as borrowed")
        held.release()


def check_truth(make: MakeSource) -> None:
    """Check that the truth is a table, and never raises."""
    with make() as source:
        source.truth()
        source.start()
        take(source)
        truth = source.truth()
        if truth is not None:
            missing = {"cell", "kind", "epoch", "tick"} - truth.keys()
            expect(not missing, f"the truth lacks {', '.join(sorted(missing))}")
            expect(len({len(column) for column in truth.values()}) == 1, "the columns of the truth differ in length")


def check_same_after_restart(make: MakeSource) -> None:
    """Check that a finite source that waits gives the same samples every time it starts."""
    with make() as source:
        plays = []
        for _ in range(2):
            source.start()
            plays.append(joined(source))
        expect(np.array_equal(plays[0], plays[1]), "the second start gave other samples than the first")


def check_same_when_opened_again(make: MakeSource) -> None:
    """Check that a finite source that waits gives the same samples every time it is opened."""
    plays = []
    for _ in range(2):
        with make() as source:
            source.start()
            plays.append(joined(source))
    expect(np.array_equal(plays[0], plays[1]), "the source gave other samples when it was opened again")


def check_total(make: MakeSource) -> None:
    """Check that a finite source gives as many samples as it says, and then says that it has ended."""
    with make() as source:
        total = source.total_samples
        expect(total is not None and source.waits, "only a finite source that waits can be repeated")
        source.start()
        blocks = take(source, None)
        expect(sum(block.n_samples for block in blocks) == total, f"total_samples is {total}, but others came")
        expect_error(EndOfStream, lambda: source.read(TIMEOUT_S), "a read after the end")


CHECKS: tuple[Check, ...] = (
    check_description,
    check_read_needs_start,
    check_blocks_fit,
    check_ticks_continue,
    check_restart_is_a_new_epoch,
    check_stop_from_another_thread,
    check_stopped_is_ended,
    check_timeouts,
    check_close_twice,
    check_blocks_keep,
    check_truth,
    check_no_thread_stays,
    check_nothing_leaks,
)
"""For every source."""

REPEATABLE_CHECKS: tuple[Check, ...] = (check_same_after_restart, check_same_when_opened_again, check_total)
"""For finite sources that give the same samples every time: recordings, and simulations with a seed."""
