"""From simulated samples to stored answers: every true cell accounted for, live or replayed, threads or processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from acquisition.origin import Origin
from service.errors import UnknownCell
from service.run import FinishReason, Run, RunRequest, RunState
from service.runs.control import RunControl
from service.store.run_folder import RunFolder

CELLS = 40


def request_of(bundle: Path, source: str, **more: object) -> RunRequest:
    return RunRequest.model_validate({"source": source, "bundle": str(bundle), **more})


def check(run: Run, folder: RunFolder) -> None:
    assert run.state is RunState.DONE and run.error is None
    assert run.ledger.in_flight == 0 and not run.ledger.dropped
    ids = [row["event_id"] for row in folder.results().cells.page(limit=10_000).rows]
    assert len(ids) == len(set(ids)) == run.ledger.stored > 0
    assert run.truth is not None
    assert (
        run.truth["cells"]
        == CELLS
        == (run.truth["stored"] + sum(run.truth["rejected"].values()) + run.truth["merged"] + run.truth["missed"])
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, bundle_file: Path) -> tuple[Run, Path]:
    """A simulated run that kept its raw stream."""
    data = tmp_path_factory.mktemp("recorded")
    with RunControl(data) as control:
        channels = ["transmission", "side_scatter_flat"]
        source = f"sim:sheet-ci?cells={CELLS}&seed=5"
        started = control.start(request_of(bundle_file, source, record=True, channels=channels))
        run = control.wait(started.id, 120)
        check(run, control.folder(run.id))
        assert run.origin is Origin.SIMULATED and run.finish_reason is FinishReason.SOURCE_ENDED
        assert run.provider == "CPUExecutionProvider" or run.provider == "CUDAExecutionProvider"
        truth = pq.read_table(control.folder(run.id).path / "truth.parquet")
        assert set(truth.column("true_kind").to_pylist()) - {""}
        return run, control.folder(run.id).path


def test_a_cell_can_be_asked_for_in_every_form(recorded: tuple[Run, Path], tmp_path: Path) -> None:
    run, path = recorded
    with RunControl(path.parent.parent) as control:
        folder = control.folder(run.id)
        cell = folder.results().cells.page(order="-area_um2", limit=1).rows[0]
        flat = folder.image(cell["event_id"], "transmission")
        volume = folder.image(cell["event_id"], "side_scatter")
        assert flat.shape == (80, 80) and volume.shape == (80, 80, 80)
        assert 0.3 < flat.min() < 0.97 and abs(np.median(flat) - 1) < 0.05
        explanation = control.engine_for(run.id).explain({"transmission": flat[None]})
        assert explanation.class_logits.shape == (1, 2)


def test_flat_side_light_is_stored_of_cells_and_made_of_any_event(recorded: tuple[Run, Path]) -> None:
    folder = RunFolder.open(recorded[1])
    name = "side_scatter_flat"
    cells, rejected = (
        [row["event_id"] for row in table.page(limit=10_000).rows]
        for table in (folder.results().cells, folder.results().rejected)
    )
    stored = folder.stored_images(cells, name)
    assert set(folder.stored_channels) == {"transmission", name} and stored.max(axis=(1, 2)).min() > 2
    np.testing.assert_array_equal(stored[0], folder.image(cells[0], name, made_anew=True))
    assert rejected and np.isfinite(folder.image(rejected[0], name)).all()
    with pytest.raises(UnknownCell, match="has not stored 'side_scatter_flat' of all"):
        folder.stored_images([*cells[:2], rejected[0]], name)
    folder.close()


@pytest.mark.parametrize("block_samples", [40_001, 700_000])
def test_a_replay_gives_identical_events_images_and_answers(
    recorded: tuple[Run, Path], bundle_file: Path, tmp_path: Path, block_samples: int
) -> None:
    run, path = recorded
    with RunControl(tmp_path) as control:
        source = f"{path / 'trace-0001.h5'}?block_samples={block_samples}"
        again = control.wait(control.start(request_of(bundle_file, f"file:{source}")).id, 120)
        check(again, control.folder(again.id))
        # Only the first run was recorded.
        ledger = again.ledger.model_copy(update={"recorded": run.ledger.recorded})
        assert (again.pipeline_id, ledger, again.truth) == (run.pipeline_id, run.ledger, run.truth)
        assert again.origin is Origin.SIMULATED
        first, second = RunFolder.open(path), control.folder(again.id)
        exact = ["event_id", "trigger_tick", "speed_m_s", "area_um2", "flags", "cluster", "class"]
        ours, theirs = (f.results().cells.page(limit=10_000, fields=exact).rows for f in (first, second))
        assert ours == theirs
        for row in ours:
            event_id = row["event_id"]
            np.testing.assert_array_equal(first.image(event_id, "transmission"), second.image(event_id, "transmission"))
            a, b = (np.array(f.results().cell(event_id)["cluster_posteriors"]) for f in (first, second))
            np.testing.assert_allclose(a, b, atol=1e-5)
        first.close()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_worker_processes_killed_mid_run_cost_nothing(bundle_file: Path, tmp_path: Path) -> None:
    with RunControl(tmp_path, workers=2, transport="tcp://127.0.0.1:*") as control:
        run = control.start(request_of(bundle_file, f"sim:sheet-ci?cells={CELLS}&seed=6"))
        while control.status().ledger.stored < 5:
            time.sleep(0.02)
        victims = control._line._transport.process_ids()
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        run = control.wait(run.id, 120)
        check(run, control.folder(run.id))
        assert control.status().workers_replaced >= len(victims)
        assert not set(victims) & set(control._line._transport.process_ids())
