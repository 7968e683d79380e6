"""A long recording fits on any disk in files, and plays as if it were one: nothing is lost where they meet."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_samples import places, play, ramp, ramp_block, samples_of, small_sheet

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, TraceError
from acquisition.file_kind import guess_url
from acquisition.inspection import inspect_trace
from acquisition.origin import Origin
from acquisition.recorder import Recorder
from acquisition.source import open_source
from acquisition.trace import TraceReader, TraceSequence
from acquisition.trace_files import LEAST_FILE_BYTES, TraceFiles

PER_FILE = 229_376
"""Samples of two channels of 16 bits in the smallest file."""


def record(path: Path, blocks: list[Block], **extras: object) -> list[Path]:
    writer = TraceFiles(path, small_sheet(), origin=Origin.SIMULATED, description="a ramp", file_bytes=LEAST_FILE_BYTES)
    for block in blocks:
        writer.append(block)
    if extras:
        writer.set_truth(extras)  # type: ignore[arg-type]
    writer.close()
    return writer.paths


def ramps(count: int, size: int = 50_000) -> list[Block]:
    return [ramp_block(small_sheet(), number * size, size) for number in range(count)]


def test_files_are_of_bounded_size_named_in_order_and_each_is_read_alone(tmp_path: Path) -> None:
    paths = record(tmp_path / "trace-0001.h5", ramps(20))
    assert [path.name for path in paths] == [f"trace-{k:04}.h5" for k in range(1, 6)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in paths]
    assert all(path.stat().st_size <= LEAST_FILE_BYTES for path in paths)
    first = 0
    for path in paths:
        with TraceReader(path) as reader:
            assert reader.complete
            (segment,) = reader.segments()
            assert (segment.first_sample, segment.lost_before) == (first, 0)
            assert np.array_equal(reader.read(0, 300_000), ramp(small_sheet(), first, reader.n_samples))
            first += reader.n_samples
    assert first == 1_000_000


def test_the_first_file_or_the_folder_opens_all_and_a_later_file_itself(tmp_path: Path) -> None:
    paths = record(tmp_path / "trace-0001.h5", ramps(20), cell=np.arange(3))
    for place in (str(paths[0]), str(tmp_path), guess_url(str(tmp_path)), guess_url(str(paths[0]))):
        with open_source(place) as source:
            assert source.total_samples == 1_000_000
            blocks = play(source)
            assert places(blocks) == [(0, 0, 0)]
            assert np.array_equal(samples_of(blocks), ramp(small_sheet(), 0, 1_000_000))
            truth = source.truth()
            assert truth is not None
            assert len(truth["cell"]) == 3
    with open_source(str(paths[2])) as source:
        assert places(play(source)) == [(0, 2 * PER_FILE, 0)]
    with open_source(f"file:{paths[0]}?files=one") as source:
        assert source.total_samples == PER_FILE
    with pytest.raises(ConfigError, match="all or one"):
        open_source(f"file:{paths[0]}?files=two")
    assert inspect_trace(str(tmp_path)).samples == 1_000_000


def test_a_recording_of_a_plain_name_goes_on_under_it_and_minds_other_recordings(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = record(tmp_path / "other" / "blood.h5", ramps(20))
    paths = record(tmp_path / "blood.h5", ramps(9))
    assert [path.name for path in paths] == ["blood.h5", "blood-0002.h5"]
    shutil.copy(other[2], tmp_path / "blood-0003.h5")
    with TraceSequence(paths[0]) as sequence:
        assert (sequence.n_samples, sequence.missing_files) == (450_000, ())
    with pytest.raises(ConfigError, match=r"blood-0003\.h5' exists"):
        paths[0].unlink()
        paths[1].unlink()
        record(paths[0], ramps(20))
    with TraceSequence(paths[0]) as sequence:
        assert sequence.n_samples == 2 * PER_FILE


@settings(max_examples=12, deadline=None)
@given(
    stretches=st.lists(
        st.tuples(st.integers(0, 300_000), st.integers(-1, 50), st.integers(0, 50), st.booleans()),
        min_size=1,
        max_size=7,
    ),
    replay_block=st.integers(1000, 500_000),
)
def test_gaps_losses_and_epochs_go_on_wherever_the_files_meet(
    tmp_path_factory: pytest.TempPathFactory, stretches: list[tuple[int, int, int, bool]], replay_block: int
) -> None:
    tick = epoch = 0
    blocks: list[Block] = []
    for length, lost, omitted, restarts in stretches:
        if restarts:
            tick, epoch = 0, epoch + 1
        tick += max(lost, 0) + omitted
        data = ramp(small_sheet(), tick, length)
        blocks.append(Block(data, tick, epoch=epoch, lost_before=lost, omitted_before=omitted))
        tick += length
    folder = tmp_path_factory.mktemp("cut")
    record(folder / "trace-0001.h5", blocks)
    with open_source(f"file:{folder}?block_samples={replay_block}") as source:
        replayed = play(source)
    owed, skipped, expected = 0, 0, []
    for block in blocks:
        owed = UNKNOWN_LOSS if UNKNOWN_LOSS in (owed, block.lost_before) else owed + block.lost_before
        skipped += block.omitted_before
        if block.n_samples:
            expected.append((block.first_sample, block.epoch, owed, skipped, block.n_samples))
            owed = skipped = 0
    merged: list[list[int]] = []
    for first, in_epoch, lost, omitted, count in expected:
        goes_on = merged and merged[-1][0] + merged[-1][4] == first and merged[-1][1] == in_epoch
        if goes_on and not lost and not omitted:
            merged[-1][4] += count
        else:
            merged.append([first, in_epoch, lost, omitted, count])
    with TraceSequence(folder) as sequence:
        found = [[s.first_sample, s.epoch, s.lost_before, s.omitted_before, s.n_samples] for s in sequence.segments()]
    assert found == merged
    assert sum(block.n_samples for block in replayed) == sum(block.n_samples for block in blocks)
    assert sum(block.omitted_before for block in replayed) == sum(row[3] for row in merged)
    for block in replayed:
        assert np.array_equal(block.data, ramp(small_sheet(), block.first_sample, block.n_samples))


def test_a_missing_file_is_a_loss_and_is_named(tmp_path: Path) -> None:
    paths = record(tmp_path / "trace-0001.h5", ramps(20))
    paths[2].unlink()
    with open_source(str(tmp_path)) as source:
        assert "missing: trace-0003.h5" in source.description
        assert places(play(source)) == [(0, 0, 0), (0, 3 * PER_FILE, PER_FILE)]
    with TraceSequence(tmp_path) as sequence:
        assert sequence.summary().missing_files == ("trace-0003.h5",)
        assert sequence.summary().samples_lost == PER_FILE
    paths[4].unlink()
    with TraceSequence(paths[0]) as sequence:
        assert sequence.missing_files == ("trace-0003.h5", "trace-0005.h5")
    with pytest.raises(TraceError, match="holds no recording"):
        (tmp_path / "empty").mkdir()
        TraceSequence(tmp_path / "empty")


def test_a_recorder_cuts_its_files_and_refuses_too_small_ones(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED, file_bytes=LEAST_FILE_BYTES) as recorder:
        assert all(recorder.put(block) for block in ramps(10))
    assert (recorder.error, recorder.samples_written) == (None, 500_000)
    with TraceSequence(tmp_path / "a.h5") as sequence:
        assert len(sequence.paths) == 3
        assert np.array_equal(sequence.read(0, 600_000), ramp(small_sheet(), 0, 500_000))
        seam = sequence.read(PER_FILE - 5, 10)
        assert np.array_equal(seam, ramp(small_sheet(), PER_FILE - 5, 10))
    with pytest.raises(ConfigError, match="at least 1048576 bytes"):
        Recorder(tmp_path / "b.h5", small_sheet(), origin=Origin.SIMULATED, file_bytes=1000).start()


RECORD = """
import sys, time
sys.path.insert(0, sys.argv[2])
from trace_samples import ramp_block, small_sheet
from acquisition.origin import Origin
from acquisition.trace_files import TraceFiles
tick, writer = 0, TraceFiles(sys.argv[1], small_sheet(), origin=Origin.SIMULATED, file_bytes=1 << 20)
while True:
    writer.append(ramp_block(small_sheet(), tick, 50_000))
    tick += 50_000
    if tick <= 100_000:
        print("begun", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
@pytest.mark.parametrize("life_s", [0.011, 0.1, 0.237, 0.3])
def test_killed_while_one_file_follows_another_every_file_is_read_and_none_is_missing(
    tmp_path: Path, life_s: float
) -> None:
    script = [sys.executable, "-c", RECORD, str(tmp_path / "trace-0001.h5"), str(Path(__file__).parent)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(life_s)
        process.send_signal(signal.SIGKILL)
    with TraceSequence(tmp_path) as sequence:
        assert sequence.missing_files == ()
        assert len(sequence.segments()) <= 1
        n_samples = sequence.n_samples
        assert np.array_equal(sequence.read(0, n_samples), ramp(small_sheet(), 0, n_samples))
