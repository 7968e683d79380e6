"""A recording holds what was measured: every sample, every gap, and what it was measured with."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_samples import places, play, ramp, ramp_block, samples_of, small_sheet, write_trace

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, RecordingStopped
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.trace import CLOCK_MARK_DTYPE, TRACE_FORMAT, Segment, TraceReader, TraceWriter
from acquisition.trace_source import open_trace


@pytest.mark.parametrize("preset", ["sheet-ci", "stretch-ci", "sheet-real"])
def test_a_trace_gives_back_instrument_and_samples_of_every_kind_of_instrument(tmp_path: Path, preset: str) -> None:
    instrument = instrument_preset(preset)
    path = write_trace(tmp_path / "a.h5", [ramp_block(instrument, 0, 70_000)], instrument)
    with TraceReader(path) as reader:
        assert reader.instrument == instrument
        assert (reader.origin, reader.description, reader.complete) == (Origin.SIMULATED, "a ramp", True)
        assert reader.read(0, 70_000).dtype == instrument.digitizer.dtype
        assert np.array_equal(reader.read(0, 70_000), ramp(instrument, 0, 70_000))
        assert np.array_equal(reader.read(69_990, 100), ramp(instrument, 69_990, 10))


def test_gaps_and_restarts_stand_where_they_happened(tmp_path: Path) -> None:
    instrument = small_sheet()
    blocks = [
        ramp_block(instrument, 500, 1000),
        ramp_block(instrument, 1500, 10),
        ramp_block(instrument, 1600, 1, lost_before=90),
        ramp_block(instrument, 1700, 40, lost_before=UNKNOWN_LOSS),
        ramp_block(instrument, 0, 5, epoch=3),
    ]
    with TraceReader(write_trace(tmp_path / "a.h5", blocks)) as reader:
        assert reader.segments() == (
            Segment(0, 1010, 500, 0, 0),
            Segment(1010, 1, 1600, 0, 90),
            Segment(1011, 40, 1700, 0, UNKNOWN_LOSS),
            Segment(1051, 5, 0, 3, 0),
        )
        summary = reader.summary()
    assert (summary.gaps, summary.samples_lost, summary.losses_of_unknown_size, summary.epochs) == (2, 90, 1, 2)
    assert (summary.samples, summary.format, summary.true_cells) == (1056, TRACE_FORMAT, None)
    assert summary.duration_s == pytest.approx(1056 / 5e6)


def test_a_loss_reported_without_samples_is_not_forgotten(tmp_path: Path) -> None:
    instrument = small_sheet()
    empty = Block(ramp(instrument, 10, 0), 15, lost_before=5)
    blocks = [ramp_block(instrument, 0, 10), empty, ramp_block(instrument, 17, 10, lost_before=2)]
    with TraceReader(write_trace(tmp_path / "a.h5", blocks)) as reader:
        assert [segment.lost_before for segment in reader.segments()] == [0, 7]


@settings(max_examples=40, deadline=None)
@given(
    stretches=st.lists(st.tuples(st.integers(1, 400), st.integers(-1, 50), st.booleans()), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 150), min_size=1, max_size=6),
    replay_block=st.integers(1, 500),
    chunk=st.integers(1, 300),
)
def test_any_cutting_into_blocks_keeps_samples_gaps_and_epochs(
    tmp_path_factory: pytest.TempPathFactory,
    stretches: list[tuple[int, int, bool]],
    cuts: list[int],
    replay_block: int,
    chunk: int,
) -> None:
    instrument = small_sheet()
    tick = epoch = 0
    whole, pieces = [], []
    for length, lost, restarts in stretches:
        if restarts:
            tick, epoch = 0, epoch + 1
        tick += max(lost, 0)
        whole.append(ramp_block(instrument, tick, length, epoch, lost))
        start, turn = 0, 0
        while start < length:
            count = min(cuts[turn % len(cuts)], length - start)
            pieces.append(ramp_block(instrument, tick + start, count, epoch, 0 if start else lost))
            start, turn = start + count, turn + 1
        tick += length
    path = tmp_path_factory.mktemp("cut") / "a.h5"
    write_trace(path, pieces, chunk_samples=chunk)
    with open_trace(str(path), block_samples=replay_block) as source:
        replayed = play(source)
    assert places(replayed) == places(whole)
    assert np.array_equal(samples_of(replayed), samples_of(whole))
    assert max(block.n_samples for block in replayed) <= replay_block


def test_truth_and_clock_marks_come_back_with_their_text(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    truth = {
        "cell": np.arange(3),
        "kind": np.array(["wbc", "lymphocyte µ", ""]),
        "epoch": np.zeros(3, np.int32),
        "tick": np.array([0.5, 1.5, 2.5]),
        "alive": np.array([True, False, True]),
    }
    marks = np.array([(0, 0), (100, 0)], dtype=CLOCK_MARK_DTYPE)
    with TraceWriter(path, small_sheet(), origin=Origin.SIMULATED) as writer:
        writer.set_truth(truth)
        writer.set_clock_marks(marks)
    with TraceReader(path) as reader:
        stored = reader.truth
        assert stored is not None
        assert [text.decode() for text in stored["kind"].tolist()] == truth["kind"].tolist()
        assert all(np.array_equal(stored[name], truth[name]) for name in truth if name != "kind")
        assert np.array_equal(reader.clock_marks, marks)
        assert reader.summary().true_cells == 3
        assert reader.segments() == ()


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        ({"cell": np.arange(3), "tick": np.arange(2)}, "one row a cell"),
        ({"cell": np.array([object()])}, "numbers, flags or text"),
        ({"../cell": np.arange(3)}, "lower case"),
    ],
)
def test_a_truth_that_is_no_table_is_refused(tmp_path: Path, truth: dict[str, np.ndarray], sentence: str) -> None:
    with (
        TraceWriter(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED) as writer,
        pytest.raises(ConfigError, match=sentence),
    ):
        writer.set_truth(truth)


def test_an_empty_truth_is_told_from_none(tmp_path: Path) -> None:
    columns = {"cell": np.zeros(0, np.int64), "kind": np.array([], dtype=str)}
    with TraceWriter(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED) as writer:
        writer.set_truth(columns)
    with TraceReader(tmp_path / "a.h5") as reader:
        assert reader.truth is not None
        assert reader.summary().true_cells == 0


def test_the_process_that_records_can_read_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with TraceWriter(path, small_sheet(), origin=Origin.SIMULATED) as writer:
        writer.append(ramp_block(small_sheet(), 0, 1000))
        writer.flush()
        with TraceReader(path) as reader:
            assert not reader.complete
            writer.append(ramp_block(small_sheet(), 1000, 500))
            writer.set_truth({"cell": np.arange(2)})
            writer.close()
            assert np.array_equal(reader.read(0, 5000), ramp(small_sheet(), 0, 1000))
    with TraceReader(path) as reader:
        assert (reader.complete, reader.n_samples, reader.summary().true_cells) == (True, 1500, 2)


def test_a_recording_is_never_replaced(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.h5", [ramp_block(small_sheet(), 0, 10)])
    with pytest.raises(ConfigError, match="never replaced"):
        TraceWriter(path, small_sheet(), origin=Origin.SIMULATED)
    with TraceReader(path) as reader:
        assert reader.n_samples == 10


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be created: the folder does not exist\."):
        TraceWriter(tmp_path / "none" / "a.h5", small_sheet(), origin=Origin.SIMULATED)


def test_a_block_of_another_instrument_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED) as writer:
        writer.append(ramp_block(small_sheet(), 0, 10))
        with pytest.raises(ConfigError, match="does not fit the instrument 'sheet-ci'"):
            writer.append(ramp_block(instrument_preset("stretch-ci"), 10, 10))
    with pytest.raises(RecordingStopped, match="is closed"):
        writer.append(ramp_block(small_sheet(), 0, 10))
    with TraceReader(tmp_path / "a.h5") as reader:
        assert reader.n_samples == 10


def test_a_closed_recording_takes_no_more_disk_than_its_samples(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.h5", [ramp_block(small_sheet(), 0, 100_000)], chunk_samples=10_000)
    assert path.stat().st_size < 100_000 * 4 + 100_000


def test_the_file_is_ordinary_hdf5_that_others_open_without_us(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.h5", [ramp_block(small_sheet(), 0, 100)])
    with h5py.File(path, "r") as file:
        assert file.attrs["format"] == TRACE_FORMAT
        assert file.attrs["sample_rate_hz"] == 5e6
        assert np.array_equal(file["ch/side_scatter"][:], ramp(small_sheet(), 0, 100)[:, 1])
        assert file["gaps"][0].tolist() == (0, 0, 0, 0, 0)
