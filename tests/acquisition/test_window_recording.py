"""A recording of event windows alone is small, says what it left out, and a replay finds the same cells in it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from trace_samples import places, play, ramp, ramp_block, samples_of, small_sheet

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.detection import detector_for
from acquisition.event import Background, ClockState, Event
from acquisition.inspection import inspect_trace
from acquisition.keeping import HOLD_PERIODS, Keep, WindowKeeper
from acquisition.origin import Origin
from acquisition.recorder import Recorder
from acquisition.source import Source, open_source
from acquisition.trace import TraceReader

CLOCK = ClockState(10.0, 0.0, True)
BLOCK = 1000


def event(tick: int, length: int = 300) -> Event:
    background = Background(np.zeros((2, 4), np.float32), np.zeros(2, np.float32), np.zeros((2, 1), np.float32))
    return Event(1, 0, tick + length / 2, 10.0, tick, np.zeros((length, 2), np.int16), CLOCK, background, 9.0)


def feed(
    keeper: WindowKeeper, blocks: Sequence[Block], events: dict[int, list[Event]], unseen: Sequence[int] = ()
) -> list[Block]:
    kept: list[Block] = []
    for number, block in enumerate(blocks):
        kept += keeper.add(block)
        if number not in unseen:
            kept += keeper.searched(block, events.get(number, []), CLOCK if number >= 3 else None)
    return kept + keeper.rest()


def ticks_of(kept: Sequence[Block]) -> set[tuple[int, int]]:
    return {(block.epoch, tick) for block in kept for tick in range(block.first_sample, block.end_sample)}


def ramps(count: int, epoch: int = 0) -> list[Block]:
    return [ramp_block(small_sheet(), k * BLOCK, BLOCK, epoch) for k in range(count)]


def test_windows_with_their_margin_are_kept_and_the_rest_is_omitted_and_counted() -> None:
    keeper = WindowKeeper()
    kept = feed(keeper, ramps(200), {130: [event(120_500)]})
    ticks = ticks_of(kept)
    assert {(0, tick) for tick in range(4000)} <= ticks  # until the clock was known
    assert {(0, tick) for tick in range(120_500 - 1920, 120_800 + 640)} <= ticks
    assert (0, 110_000) not in ticks
    assert len(ticks) + keeper.samples_omitted == 200_000
    assert sum(block.omitted_before for block in kept) <= keeper.samples_omitted
    assert keeper.events_cut == 0
    end = 0
    for block in kept:
        assert block.first_sample == end + block.omitted_before
        assert block.lost_before == 0
        assert np.array_equal(block.data, ramp(small_sheet(), block.first_sample, block.n_samples))
        end = block.end_sample


def test_what_detection_did_not_see_is_kept_and_every_start_of_the_clock_as_well() -> None:
    jump = Block(ramp(small_sheet(), 90_500, BLOCK), 90_500, lost_before=UNKNOWN_LOSS)
    blocks = [
        *ramps(90),
        jump,
        *[ramp_block(small_sheet(), 91_500 + k * BLOCK, BLOCK) for k in range(60)],
        *ramps(60, 1),
    ]
    kept = feed(WindowKeeper(), blocks, {}, unseen=[50, 51, 52])
    ticks = ticks_of(kept)
    assert {(0, tick) for tick in range(50_000, 53_000)} <= ticks
    assert {(0, tick) for tick in range(90_500, 91_500)} <= ticks
    assert {(1, tick) for tick in range(1000)} <= ticks
    assert (0, 60_000) not in ticks
    assert [block.lost_before for block in kept if block.lost_before] == [UNKNOWN_LOSS]


def test_a_loss_within_what_is_left_out_is_still_a_loss() -> None:
    blocks = [
        *ramps(60),
        *[ramp_block(small_sheet(), k * BLOCK + 70, BLOCK, lost_before=70 * (k == 60)) for k in range(60, 150)],
    ]
    kept = feed(WindowKeeper(), blocks, {})
    assert sum(block.lost_before for block in kept) == 70
    end = 0
    for block in kept:
        assert block.first_sample == end + block.omitted_before + block.lost_before
        end = block.end_sample


def test_memory_is_bounded_and_what_is_undecided_is_kept() -> None:
    keeper = WindowKeeper(held_bytes=20 * BLOCK * 4)
    kept: list[Block] = []
    for block in ramps(100):
        kept += keeper.add(block)
    assert sum(block.n_samples for block in kept) == 80 * BLOCK
    assert keeper.samples_omitted == 0


def test_an_event_that_comes_too_late_is_counted() -> None:
    keeper = WindowKeeper()
    late = 10 * HOLD_PERIODS // BLOCK + 40
    feed(keeper, ramps(late + 10), {late: [event(20_000)]})
    assert keeper.events_cut == 1


def record(url: str, full: Path, windows: Path, keep_block: int | None = None) -> list[Event]:
    with open_source(url) as source:
        detector, live = detector_for(source.instrument), []
        options = {"origin": source.origin, "waits": True}
        with (
            Recorder(full, source.instrument, **options) as whole,
            Recorder(windows, source.instrument, keep=Keep.WINDOWS, **options) as small,
        ):
            for block in play(source):
                whole.put(block)
                small.put(block)
                found = detector.push(block)
                small.searched(block, found, detector.clock)
                live += found
            found = detector.flush()
            small.found(found)
            live += found
            small.close(source.truth())
        assert (small.error, small.samples_dropped, small.events_cut) == (None, 0, 0)
        assert small.samples_written + small.samples_omitted == whole.samples_written
    return live


def events_in(source: Source) -> list[Event]:
    with source:
        detector = detector_for(source.instrument)
        found = [event for block in play(source) for event in detector.push(block)]
        return found + detector.flush()


@pytest.mark.parametrize(
    ("url", "most_kept"),
    [
        ("sim:sheet-ci?seconds=2&rate=10&seed=5", 0.5),
        ("sim:stretch-ci?seconds=0.6&rate=20&seed=5", 0.5),
        # So many cells that a replay of its own would judge two of them otherwise.
        ("sim:sheet-ci?seconds=2&rate=50&seed=8", 0.99),
    ],
)
def test_a_replay_of_the_windows_finds_and_judges_the_events_as_the_run_did(
    tmp_path: Path, url: str, most_kept: float
) -> None:
    live = record(url, tmp_path / "full.h5", tmp_path / "windows.h5")
    again = events_in(open_source(str(tmp_path / "windows.h5")))
    assert len(live) > 4
    assert len(again) == len(live)
    for one, other in zip(live, again, strict=True):
        assert abs(one.trigger_tick - other.trigger_tick) < one.clock.period_ticks
        assert (one.flags, one.bodies, len(one.neighbours)) == (other.flags, other.bodies, len(other.neighbours))
    with TraceReader(tmp_path / "windows.h5") as reader, TraceReader(tmp_path / "full.h5") as whole:
        summary = reader.summary()
        assert (summary.samples_lost, summary.gaps) == (0, 0)
        assert summary.samples <= most_kept * whole.n_samples
        assert summary.true_cells is not None
    report = inspect_trace(str(tmp_path / "windows.h5"))
    assert (report.gap_count, report.samples_lost) == (0, 0)
    assert report.samples_omitted == summary.samples_omitted > 0


def test_two_threads_give_an_ordered_recording(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, keep=Keep.WINDOWS)
    blocks = ramps(300)
    with recorder:
        given = threading.Semaphore(0)

        def search() -> None:
            for number, block in enumerate(blocks):
                given.acquire()
                found = [event(number * BLOCK - 2000)] if number % 100 == 60 else []
                recorder.searched(block, found, CLOCK if number > 3 else None)

        searcher = threading.Thread(target=search)
        searcher.start()
        for block in blocks:
            recorder.put(block)
            given.release()
        searcher.join()
    assert recorder.samples_written + recorder.samples_omitted == 300 * BLOCK
    with open_source(str(tmp_path / "a.h5")) as source:
        replayed = play(source)
    assert all(lost == 0 for _, _, lost in places(replayed))
    assert np.array_equal(
        samples_of(replayed), np.concatenate([ramp(small_sheet(), b.first_sample, b.n_samples) for b in replayed])
    )
