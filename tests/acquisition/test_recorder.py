"""Recording never holds up an instrument, and every sample is either on disk or counted."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from trace_samples import play, ramp, ramp_block, samples_of, small_sheet

import acquisition.trace_files
from acquisition.block import Block
from acquisition.errors import ConfigError, RecordingStopped
from acquisition.origin import Origin
from acquisition.recorder import Recorder
from acquisition.source import open_source
from acquisition.trace import TraceReader, TraceWriter

BLOCK = 1000
BLOCK_BYTES = BLOCK * 4


class SlowDisk(TraceWriter):
    """A disk that takes a block only when told."""

    allowed = threading.Semaphore(0)

    def append(self, block: Block) -> None:
        assert self.allowed.acquire(timeout=10)
        super().append(block)


class BrokenDisk(TraceWriter):
    """A disk that dies after ten blocks, in a way nobody foresaw."""

    def append(self, block: Block) -> None:
        if block.first_sample >= 10 * BLOCK:
            raise RuntimeError("the controller caught fire")
        super().append(block)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    monkeypatch.setattr(SlowDisk, "allowed", threading.Semaphore(0))
    monkeypatch.setattr(acquisition.trace_files, "TraceWriter", SlowDisk)
    return SlowDisk.allowed


def _block(number: int) -> Block:
    return ramp_block(small_sheet(), number * BLOCK, BLOCK)


def test_a_recording_holds_every_block_and_the_truth(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, description="sixty blocks")
    with recorder:
        assert all(recorder.put(_block(number)) for number in range(60))
        recorder.close({"cell": np.arange(4)})
    assert (recorder.samples_written, recorder.samples_dropped, recorder.error) == (60 * BLOCK, 0, None)
    with TraceReader(tmp_path / "a.h5") as reader:
        assert np.array_equal(reader.read(0, 60 * BLOCK), ramp(small_sheet(), 0, 60 * BLOCK))
        assert reader.summary().true_cells == 4
        assert reader.description == "sixty blocks"


def test_a_borrowed_block_may_be_reused_at_once(tmp_path: Path) -> None:
    buffer = ramp(small_sheet(), 0, BLOCK)
    with Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED) as recorder:
        recorder.put(Block(buffer, 0, borrowed=True))
        buffer[:] = 0
    with TraceReader(tmp_path / "a.h5") as reader:
        assert np.array_equal(reader.read(0, BLOCK), ramp(small_sheet(), 0, BLOCK))


def test_a_slow_disk_costs_a_live_recording_counted_samples_and_a_gap(
    tmp_path: Path, slow_disk: threading.Semaphore
) -> None:
    recorder = Recorder(
        tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, waits=False, queue_bytes=3 * BLOCK_BYTES
    )
    with recorder:
        began = time.monotonic()
        kept = [recorder.put(_block(number)) for number in range(10)]
        assert time.monotonic() - began < 1.0
        slow_disk.release(100)
        while recorder.samples_written < kept.count(True) * BLOCK and time.monotonic() - began < 5:
            time.sleep(0.01)
        assert recorder.put(_block(10))
    lost = kept.count(False) * BLOCK
    assert 6 <= kept.count(False) <= 7
    assert recorder.samples_dropped == lost
    assert recorder.samples_written == 11 * BLOCK - lost
    with TraceReader(tmp_path / "a.h5") as reader:
        before, after = reader.segments()
        assert (after.first_sample, after.lost_before) == (10 * BLOCK, lost)
        assert before.end_sample + lost == after.first_sample
        assert np.array_equal(reader.read(after.row, BLOCK), ramp(small_sheet(), 10 * BLOCK, BLOCK))


def test_a_slow_disk_holds_up_a_replay_instead(tmp_path: Path, slow_disk: threading.Semaphore) -> None:
    with Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, queue_bytes=2 * BLOCK_BYTES) as recorder:
        feeder = threading.Thread(target=lambda: [recorder.put(_block(number)) for number in range(10)])
        feeder.start()
        feeder.join(0.3)
        assert feeder.is_alive()
        slow_disk.release(100)
        feeder.join(5)
        assert not feeder.is_alive()
    assert (recorder.samples_written, recorder.samples_dropped) == (10 * BLOCK, 0)


def test_whatever_stops_the_writing_nobody_waits_for_it_and_all_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acquisition.trace_files, "TraceWriter", BrokenDisk)
    with Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, queue_bytes=2 * BLOCK_BYTES) as recorder:
        answers = [recorder.put(_block(number)) for number in range(40)]
    assert not answers[-1]
    assert isinstance(recorder.error, RecordingStopped)
    assert "the controller caught fire" in str(recorder.error)
    assert (recorder.samples_written, recorder.samples_dropped) == (10 * BLOCK, 30 * BLOCK)
    with TraceReader(tmp_path / "a.h5") as reader:
        assert reader.complete
        assert reader.n_samples == 10 * BLOCK


def test_a_block_that_does_not_fit_ends_the_recording_and_not_the_run(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED) as recorder:
        recorder.put(_block(0))
        recorder.put(Block(np.zeros((5, 7), np.int16), BLOCK))
    assert isinstance(recorder.error, ConfigError)
    assert (recorder.samples_written, recorder.samples_dropped) == (BLOCK, 5)


def test_a_recorder_is_used_once(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED)
    assert not recorder.put(_block(0))
    recorder.start()
    with pytest.raises(RecordingStopped, match="started before"):
        recorder.start()
    recorder.close()
    recorder.close()
    assert not recorder.put(_block(1))
    assert recorder.samples_dropped == 2 * BLOCK
    assert not [thread for thread in threading.enumerate() if thread.name == "recorder"]


def test_a_recorder_that_never_started_leaves_no_file(tmp_path: Path) -> None:
    Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED).close()
    with pytest.raises(ConfigError, match="cannot be created"):
        Recorder(tmp_path / "none" / "a.h5", small_sheet(), origin=Origin.SIMULATED).start()
    with pytest.raises(ConfigError, match="queue_bytes"):
        Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, queue_bytes=0)
    assert list(tmp_path.iterdir()) == []


def test_a_recorded_simulation_replays_as_it_ran(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with open_source("sim:sheet-ci?seconds=0.1&seed=5") as source:
        recorder = Recorder(path, source.instrument, origin=source.origin, waits=source.waits)
        recorder.start()
        live = play(source)
        assert all(recorder.put(block) for block in live)
        truth = source.truth()
        recorder.close(truth)
    assert recorder.error is None
    with open_source(str(path)) as recording:
        replayed = play(recording)
        stored = recording.truth()
        assert recording.origin is Origin.SIMULATED
        assert recording.instrument == source.instrument
    assert np.array_equal(samples_of(replayed), samples_of(live))
    assert truth is not None
    assert stored is not None
    assert all(np.array_equal(stored[name], column) for name, column in truth.items())
