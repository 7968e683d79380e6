"""Before a recording is trusted, one command says what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from trace_samples import ATOM_RECORD, ramp_block, small_sheet, write_trace

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, TraceError
from acquisition.file_kind import guess_url
from acquisition.inspection import inspect_source, inspect_trace
from acquisition.origin import Origin
from acquisition.replay import Replay
from acquisition.trace import TraceReader, TraceWriter
from acquisition.trace_report import TraceReport


@pytest.fixture
def real_record() -> str:
    if not ATOM_RECORD.parents[1].is_dir():
        pytest.skip("the folder shared/data with the real record is not beside this checkout")
    return str(ATOM_RECORD)


def test_the_real_record_shows_its_samples_per_line_and_its_droplet(real_record: str) -> None:
    report = inspect_trace(real_record)
    assert report.samples_per_line == pytest.approx(275.5195, abs=0.001)
    assert report.line_rate_hz == pytest.approx(18.1475e6, rel=1e-4)
    assert report.samples_per_scan is None
    assert report.events.count == 1  # one droplet, as the picture of the record shows
    assert sum(report.events.flags.values()) >= report.events.count
    assert report.origin is Origin.MEASURED
    assert report.channels[0].clipped_fraction == pytest.approx(0.0024, abs=0.0001)
    assert (report.channels[0].lowest_counts, report.channels[0].highest_counts) == (-11, 127)
    assert report.true_cells is None
    assert TraceReport.model_validate(json.loads(report.model_dump_json())) == report


def test_the_real_record_is_recognised_with_and_without_its_scheme(real_record: str) -> None:
    assert guess_url(real_record).startswith("atom:")
    assert inspect_trace(f"atom:{real_record}") == inspect_trace(real_record)


def test_a_report_counts_gaps_epochs_clipping_and_truth(tmp_path: Path) -> None:
    instrument = small_sheet()
    rng = np.random.default_rng(3)
    path = tmp_path / "a run #1%20.h5"
    with TraceWriter(path, instrument, origin=Origin.SIMULATED, description="noise") as writer:
        for tick, lost, epoch in [(0, 0, 0), (5100, 100, 0), (10_100, UNKNOWN_LOSS, 0), (0, 0, 1)]:
            samples = np.rint(rng.normal(100, 20, (5000, 2))).astype(np.int16)
            samples[:50, 1] = 2047
            writer.append(Block(samples, tick, epoch, lost))
        writer.set_truth({"cell": np.arange(2), "kind": np.array(["a", "b"]), "epoch": np.zeros(2), "tick": np.ones(2)})
    steps: list[tuple[int, int]] = []
    report = inspect_trace(str(path), lambda done, total: steps.append((done, total)))
    assert steps[-1] == (20_000, 20_000)
    assert (report.samples, report.epochs, report.gap_count) == (20_000, 2, 2)
    assert (report.samples_lost, report.losses_of_unknown_size) == (100, 1)
    assert [(gap.epoch, gap.first_sample, gap.lost) for gap in report.gaps] == [(0, 5100, 100), (0, 10_100, -1)]
    assert report.duration_s == pytest.approx(20_000 / 5e6)
    assert report.origin is Origin.SIMULATED
    assert report.true_cells == 2
    forward, side = report.channels
    assert forward.mean_counts == pytest.approx(100, abs=1)
    assert forward.rms_counts == pytest.approx(20, abs=1)
    assert (forward.clipped_fraction, side.clipped_fraction) == (0, 0.01)
    assert side.highest_counts == 2047


def test_an_empty_recording_has_a_report_too(tmp_path: Path) -> None:
    report = inspect_trace(str(write_trace(tmp_path / "a.h5", [])))
    assert (report.samples, report.events.count, report.events.rate_hz, report.clock) == (0, 0, 0, None)
    assert report.channels[0].mean_counts is None


def test_what_cannot_be_inspected_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no samples")
    with pytest.raises(TraceError, match="There is no file"):
        inspect_trace(str(tmp_path / "none.h5"))
    with pytest.raises(TraceError, match="not HDF5"):
        inspect_trace(str(tmp_path / "text.h5"))
    with pytest.raises(ConfigError, match="There is no source of the kind 'cam:'"):
        inspect_trace("cam:1")


class Endless(Replay):
    @property
    def total_samples(self) -> None:
        return None


def test_a_source_without_end_is_not_waited_for(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.h5", [ramp_block(small_sheet(), 0, 10)])
    with Endless(TraceReader(path)) as source, pytest.raises(ConfigError, match="Only a recording can be inspected"):
        inspect_source(source, "endless")
