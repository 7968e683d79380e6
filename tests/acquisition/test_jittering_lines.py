"""Lines whose trigger jitters by a sample would hide every cell, or look like cells, if any of this failed."""

import numpy as np
import pytest

from acquisition.block import Block
from acquisition.calibration import Calibration
from acquisition.detection import detector_for
from acquisition.inspection import inspect_trace
from acquisition.origin import Origin
from acquisition.trace_writer import TraceWriter
from tests.conftest import Stream, whole_stream

STREAM = "sim:stretch-ci?cells=20&rate=40&seed=73"


def calibrated(stream: Stream) -> Calibration:
    detector = detector_for(stream.instrument)
    detector.push(stream.blocks([])[0])
    assert detector._calibration is not None
    return detector._calibration


@pytest.fixture(scope="module")
def jittering() -> Stream:
    """Simulated: every line comes up to a sample early or late."""
    return whole_stream(f"{STREAM}&clock.trigger_jitter_samples=1")


@pytest.mark.parametrize("jitter", ["clock.trigger_jitter_samples=1", "clock.jitter_s=5e-9", "clock.jitter_s=1e-8"])
def test_cells_are_found_among_lines_that_jitter_by_a_sample(jitter):
    stream = whole_stream(f"{STREAM}&{jitter}")
    events = stream.events()
    ticks = np.array([event.trigger_tick for event in events])
    reach = np.array([event.duration_ticks for event in events])
    apart = np.abs(np.asarray(stream.truth["tick"], float)[:, None] - ticks[None, :]) < 0.5 * reach[None, :]
    assert apart.any(axis=1).sum() >= 19
    assert apart.any(axis=0).all(), "an event has no cell"


def test_events_among_jittering_lines_do_not_depend_on_how_the_stream_is_cut(jittering):
    whole = jittering.events()
    assert len(whole) > 5
    rng = np.random.default_rng(5)
    for n_cuts in (3, 40, 400):
        cut = jittering.events(jittering.blocks(rng.integers(0, jittering.samples.shape[0], n_cuts).tolist()))
        assert [(e.trigger_tick, e.strength, e.flags) for e in cut] == [
            (e.trigger_tick, e.strength, e.flags) for e in whole
        ]
        for a, b in zip(cut, whole, strict=True):
            np.testing.assert_array_equal(a.background.level, b.background.level)


def test_lines_are_shifted_only_where_that_helps(jittering, stretch, sheet):
    assert calibrated(jittering).shifting
    assert calibrated(jittering).noise.median < 1.5  # 5.9 counts without
    assert not calibrated(stretch).shifting
    assert not calibrated(sheet).shifting


def test_the_report_of_a_recording_says_that_its_lines_jitter(jittering, stretch, tmp_path):
    for name, stream in (("jittering", jittering), ("usual", stretch)):
        with TraceWriter(tmp_path / f"{name}.h5", stream.instrument, origin=Origin.SIMULATED, description="") as writer:
            writer.append(Block(stream.samples[:1_000_000], 0))
        report = inspect_trace(str(tmp_path / f"{name}.h5"))
        assert report.clock is not None
        assert report.clock.jitters is (name == "jittering")
