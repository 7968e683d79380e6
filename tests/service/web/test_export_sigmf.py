"""The raw samples of a run as the SigMF library reads them: every sample in its place, every event annotated."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import sigmf
from exporting import export, run_folder, stored
from served import World

from acquisition.block import Block
from acquisition.trace import TraceWriter
from service.cli import main
from service.run import Run
from service.runs.control import RUNS
from service.store.run_folder import RunFolder


def read(path: Path) -> tuple[sigmf.SigMFFile, np.ndarray]:
    recording = sigmf.fromfile(str(path), autoscale=False)
    recording.validate()
    return recording, np.asarray(recording.read_samples()).reshape(recording.sample_count, -1)


def test_windows_are_captures_on_the_sample_clock(world: World, tmp_path: Path) -> None:
    assert export(world, "sigmf", tmp_path / "a.sigmf") == 0
    recording, samples = read(tmp_path / "a.sigmf")
    folder = RunFolder.open(run_folder(world))
    events = [folder.event(k) for k in stored(world).column("event_id").to_pylist()]
    folder.close()
    instrument = world.run.instrument
    assert recording.get_global_field("core:sample_rate") == instrument.sample_rate_hz
    assert recording.get_global_field("lightline:origin") == "simulated"
    assert len(recording.get_annotations()) == len(events)
    captures = recording.get_captures()
    starts = [capture["core:sample_start"] for capture in captures] + [len(samples)]
    for event in events:
        # The capture that the window is in; windows that touch share one.
        k = max(i for i, one in enumerate(captures) if one["core:global_index"] <= event.window_tick)
        row = starts[k] + event.window_tick - captures[k]["core:global_index"]
        np.testing.assert_array_equal(samples[row : row + len(event.window)], event.window)
        assert row + len(event.window) <= starts[k + 1]


def test_the_windows_of_what_is_asked_for(world: World, tmp_path: Path) -> None:
    assert export(world, "sigmf", tmp_path / "r.sigmf", "--rejected") == 0
    assert len(read(tmp_path / "r.sigmf")[0].get_annotations()) == stored(world, "rejected").num_rows
    event = world.first_cell()
    assert export(world, "sigmf", tmp_path / "e.sigmf", "--event", event) == 0
    recording, samples = read(tmp_path / "e.sigmf")
    assert len(recording.get_captures()) == 1
    folder = RunFolder.open(run_folder(world))
    np.testing.assert_array_equal(samples, folder.event(event).window)
    folder.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.sigmf", "r.sigmf"]


def test_a_run_with_a_recording_gives_the_recording(world: World, tmp_path: Path) -> None:
    path = tmp_path / RUNS / world.run.id
    shutil.copytree(run_folder(world), path)
    run = Run.model_validate_json((path / "run.json").read_bytes())
    samples = np.random.default_rng(1).integers(-50, 50, (50_000, len(run.instrument.channels)), dtype=np.int16)
    samples = samples.astype(run.instrument.digitizer.dtype)
    with TraceWriter(path / "trace-0001.h5", run.instrument, origin=run.origin, description="noise") as writer:
        writer.append(Block(samples[:20_000], 0))
        writer.append(Block(samples[20_000:], 30_000, lost_before=10_000))
    out = tmp_path / "t.sigmf"
    with pytest.raises(SystemExit) as ended:
        main(["export", str(path), "--format", "sigmf", "--out", str(out)], "lightline")
    assert not ended.value.code
    recording, found = read(out)
    np.testing.assert_array_equal(found, samples)
    assert [capture["core:global_index"] for capture in recording.get_captures()] == [0, 30_000]


def test_an_event_without_a_window_is_one_sentence(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(world, "sigmf", tmp_path / "x.sigmf", "--event", 999_999) == 2
    assert "999999" in capsys.readouterr().err and not list(tmp_path.iterdir())
