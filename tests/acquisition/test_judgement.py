"""What a run decided of its events stands in a replay, as long as the samples are still there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from trace_samples import play, ramp_block, small_sheet

from acquisition.block import Block
from acquisition.errors import TraceError
from acquisition.event import Background, ClockState, Event, EventFlag
from acquisition.judgement import Remembered, judgements
from acquisition.origin import Origin
from acquisition.source import open_source
from acquisition.trace import TraceReader
from acquisition.trace_files import LEAST_FILE_BYTES, TraceFiles

PERIOD = 25.0
EMPTY = Background(np.zeros((2, 4), np.float32), np.zeros(2, np.float32), np.zeros((2, 1), np.float32))


def event(tick: float, flags: EventFlag = EventFlag.NONE, bodies: int = 1, epoch: int = 0) -> Event:
    window = np.zeros((10, 2), np.int16)
    return Event(0, epoch, tick, 10.0, int(tick), window, ClockState(PERIOD, 0.0), EMPTY, 9.0, flags, bodies)


def told(*events: Event) -> Remembered:
    remembered = Remembered()
    for one in events:
        block = Block(np.zeros((0, 2), np.int16), int(one.trigger_tick), judged=judgements([one]))
        remembered.learn(block)
    return remembered


def test_an_event_is_judged_as_it_was_and_its_neighbour_by_its_own() -> None:
    remembered = told(event(1000.0), event(2000.0, EventFlag.OVERLAP | EventFlag.CLIPPED, 2))
    again = remembered.judged([event(1010.0, EventFlag.OVERLAP, 2), event(1990.0)])
    assert [(one.flags, one.bodies) for one in again] == [
        (EventFlag.NONE, 1),
        (EventFlag.OVERLAP | EventFlag.CLIPPED, 2),
    ]


@pytest.mark.parametrize("other", [event(1000.0 + 3 * PERIOD, bodies=4), event(1000.0, bodies=4, epoch=1)])
def test_what_was_decided_of_another_event_is_not_taken(other: Event) -> None:
    own = event(1000.0, EventFlag.OVERLAP, 2)
    assert told(other).judged([own])[0] is own


def test_samples_that_are_missing_now_are_said_whatever_was_decided() -> None:
    (again,) = told(event(1000.0, EventFlag.OVERLAP)).judged([event(1000.0, EventFlag.GAP | EventFlag.LONG)])
    assert again.flags == EventFlag.OVERLAP | EventFlag.GAP


def test_each_play_of_a_recording_in_several_files_gives_them_with_its_blocks(tmp_path: Path) -> None:
    events = [event(100.0), event(150_000.5, EventFlag.OVERLAP, 2), event(300.0, epoch=1)]
    files = TraceFiles(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, file_bytes=LEAST_FILE_BYTES)
    for start in range(0, 400_000, 100_000):
        files.append(ramp_block(small_sheet(), start, 100_000))
    files.append(ramp_block(small_sheet(), 0, 1000, 1))
    files.set_judged(judgements(events))
    files.close()
    assert len(list(tmp_path.glob("a*.h5"))) > 1
    with open_source(f"file:{tmp_path}/a.h5?block_samples=50000") as source:
        for turn in (0, 1):
            blocks = [block for block in play(source) if block.judged is not None and len(block.judged)]
            assert [len(block.judged) for block in blocks if block.judged is not None] == [1, 1, 1]
            for block, one in zip(blocks, events, strict=True):
                assert block.first_sample <= one.trigger_tick < block.end_sample
                expected = judgements([replace(one, epoch=one.epoch + 2 * turn)])
                assert block.epoch == one.epoch + 2 * turn and np.array_equal(block.judged, expected)


@pytest.mark.parametrize("table", [np.zeros(3), np.zeros(2, [("epoch", "i4"), ("tick", "f8")])])
def test_a_table_that_is_none_is_refused_in_a_sentence(tmp_path: Path, table: np.ndarray) -> None:
    files = TraceFiles(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED)
    files.append(ramp_block(small_sheet(), 0, 1000))
    files.close()
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["judged"] = table
    with pytest.raises(TraceError, match=r"/judged .* needs the columns epoch, tick, flags, bodies"):
        TraceReader(tmp_path / "a.h5")
