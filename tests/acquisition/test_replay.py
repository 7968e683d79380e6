"""A recording plays as it was made: at its pace, from its start, and it stops when it is told to."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from trace_samples import play, ramp_block, samples_of, small_sheet, write_trace

from acquisition.errors import ConfigError, EndOfStream, SourceTimeout, TraceError
from acquisition.origin import Origin
from acquisition.replay_options import parse_speed
from acquisition.source import open_source
from acquisition.trace import TraceWriter
from acquisition.trace_source import open_trace

RATE_HZ = 5e6


@pytest.fixture
def trace(tmp_path: Path) -> str:
    instrument = small_sheet()
    blocks = [
        ramp_block(instrument, 0, 300_000),
        ramp_block(instrument, 500_000, 100_000, lost_before=200_000),
        ramp_block(instrument, 0, 100_000, epoch=1),
    ]
    return str(write_trace(tmp_path / "a trace.h5", blocks))


def test_real_time_takes_the_time_of_the_sample_clock_gaps_included(trace: str) -> None:
    with open_trace(trace, speed=1) as source:
        began = time.monotonic()
        play(source)
        assert 0.14 <= time.monotonic() - began < 2.0  # 700,000 ticks at 5 MS/s


def test_half_the_speed_takes_twice_the_time(trace: str) -> None:
    with open_trace(trace, speed="0.5", block_samples="10000") as source:
        began = time.monotonic()
        play(source)
        assert 0.28 <= time.monotonic() - began < 2.0


def test_a_slow_replay_times_out_and_goes_on(trace: str) -> None:
    with open_trace(trace, speed=1e-2, block_samples=5000) as source:
        source.start()
        with pytest.raises(SourceTimeout):
            source.read(timeout_s=0.01)
        assert source.read(timeout_s=1.0).n_samples == 5000


def test_stop_ends_a_replay_that_waits_for_its_pace(trace: str) -> None:
    with open_trace(trace, speed=1e-6) as source:
        source.start()
        threading.Timer(0.1, source.stop).start()
        began = time.monotonic()
        with pytest.raises(EndOfStream):
            source.read(timeout_s=30)
        assert time.monotonic() - began < 1.0


def test_the_url_sets_speed_and_block_size(trace: str) -> None:
    quoted = trace.replace(" ", "%20")
    with open_source(f"file:{quoted}?block_samples=777&speed=max") as source:
        blocks = play(source)
    assert max(block.n_samples for block in blocks) == 777
    with open_source(trace, speed=None) as source:
        assert np.array_equal(samples_of(play(source)), samples_of(blocks))


@pytest.mark.parametrize("speed", ["fast", "-1", "0", "nan", "inf", -3.0])
def test_a_speed_that_makes_no_sense_is_refused(trace: str, speed: str | float) -> None:
    with pytest.raises(ConfigError, match=r"The speed '.*' must be a number above 0"):
        open_trace(trace, speed=speed)


@pytest.mark.parametrize("block_samples", ["many", "0", "-5", "2.5", "1e99", 1.5])
def test_a_block_size_that_makes_no_sense_is_refused(trace: str, block_samples: str) -> None:
    with pytest.raises(ConfigError, match="must be a whole number"):
        open_trace(trace, block_samples=block_samples)


def test_speeds_are_read_as_people_write_them() -> None:
    assert [parse_speed(value) for value in (None, "max", "MAX", "2", "0.5", 3)] == [None, None, None, 2.0, 0.5, 3.0]


def test_an_option_that_does_not_exist_is_named(trace: str) -> None:
    with pytest.raises(ConfigError, match="has no option 'pace'"):
        open_source(f"file:{trace}?pace=2")


def test_every_play_has_epochs_of_its_own_and_the_same_samples(trace: str) -> None:
    with open_trace(trace) as source:
        first, second = play(source), play(source)
    assert np.array_equal(samples_of(first), samples_of(second))
    assert [sorted({block.epoch for block in blocks}) for blocks in (first, second)] == [[0, 1], [2, 3]]


def test_clipped_samples_are_counted(tmp_path: Path) -> None:
    block = ramp_block(small_sheet(), 0, 4096)
    with open_trace(str(write_trace(tmp_path / "a.h5", [block]))) as source:
        (replayed,) = play(source)
    assert replayed.clipped is not None
    assert replayed.clipped.tolist() == [2, 2]


def test_the_truth_grows_with_what_was_delivered(tmp_path: Path) -> None:
    truth = {
        "cell": np.array([1, 2, 3]),
        "kind": np.array([b"a", b"b", b"c"]),
        "epoch": np.array([0, 0, 1]),
        "tick": np.array([10.0, 90.0, 5.0]),
    }
    with TraceWriter(tmp_path / "a.h5", small_sheet(), origin=Origin.SIMULATED) as writer:
        writer.append(ramp_block(small_sheet(), 0, 100))
        writer.append(ramp_block(small_sheet(), 0, 100, epoch=1))
        writer.set_truth(truth)
    with open_trace(str(tmp_path / "a.h5"), block_samples=50) as source:
        seen = []
        for _ in range(2):
            source.start()
            for _ in range(4):
                known = source.truth()
                assert known is not None
                seen.append((known["cell"].tolist(), known["epoch"].tolist()))
                source.read()
    assert seen[:4] == [([], []), ([1], [0]), ([1, 2], [0, 0]), ([1, 2, 3], [0, 0, 1])]
    assert seen[4:] == [([], []), ([1], [2]), ([1, 2], [2, 2]), ([1, 2, 3], [2, 2, 3])]


def test_an_empty_trace_ends_at_once(tmp_path: Path) -> None:
    with open_trace(str(write_trace(tmp_path / "a.h5", []))) as source:
        assert source.total_samples == 0
        assert play(source) == []


def test_an_atom_record_given_as_a_trace_is_recognised(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = np.zeros(3000, np.int16)
        file.attrs["pulse_interval"] = 275
    with pytest.raises(TraceError, match="looks like an ATOM record; open it as atom:"):
        open_source(str(tmp_path / "a.h5"))
