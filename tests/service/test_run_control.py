"""A run from arm to end: every event stored once or counted with a reason, whatever is slow, full or asked to stop."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from line_parts import (
    EVERY,
    INSTRUMENT,
    REJECT_EVERY,
    KnownDetector,
    KnownModel,
    KnownSource,
    KnownTransform,
    known_makers,
)

from acquisition.errors import ConfigError, DeviceLost, Overrun
from acquisition.origin import Origin
from acquisition.trace import TraceReader
from reconstruction.errors import ReconstructionError
from service.errors import RunStateError, StorageError, UnknownRun
from service.run import FinishReason, Ledger, Run, RunRequest, RunState
from service.runs.arming import Makers
from service.runs.control import RunControl
from service.runs.stop_rules import StopRules
from service.status import ServiceState
from service.store import disk

Start = Callable[..., RunControl]


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Start]:
    """Make services that are closed at the end, and leave no thread."""
    before = set(threading.enumerate())
    made: list[RunControl] = []

    def make(source: KnownSource | None = None, model: Callable[[], Any] = KnownModel, **options: Any) -> RunControl:
        makers = options.pop("makers", None) or known_makers(lambda: source or KnownSource(), model)
        made.append(RunControl(options.pop("data", tmp_path), makers=makers, **options))
        return made[-1]

    yield make
    for control in made:
        control.close()
    left = {thread for thread in threading.enumerate() if thread not in before}
    # pyzmq keeps one thread of its own for frames that are sent without a copy, for the life of the process.
    assert {type(thread).__name__ for thread in left} <= {"GarbageCollectorThread"}, left


def run_to_end(control: RunControl, **request: Any) -> Run:
    run = control.wait(control.start(RunRequest(source="known:", **request)).id, 30)
    assert run.state in (RunState.DONE, RunState.FAILED)
    check_books(control, run)
    return run


def check_books(control: RunControl, run: Run) -> None:
    """The ledger, run.json, the tables and the windows tell the same story."""
    ledger = run.ledger
    assert ledger.in_flight == 0
    folder = control.folder(run.id)
    assert folder.run() == run
    ids = [row["event_id"] for row in folder.results().cells.page(limit=10_000).rows]
    rejected = [row["event_id"] for row in folder.results().rejected.page(limit=10_000).rows]
    assert len(ids) == len(set(ids)) == ledger.stored and ids == sorted(ids)
    assert len(rejected) == sum(ledger.rejected.values())
    assert not set(ids) & set(rejected)
    for event_id in ids[:: max(1, len(ids) // 10)]:
        assert (folder.image(event_id, "transmission") == event_id).all()
        assert folder.event(event_id).trigger_tick == EVERY * event_id - EVERY // 2
        assert folder.results().cell(event_id)["embedding_0"] == event_id


def test_every_event_of_a_finite_source_is_stored_or_rejected(controlled: Start) -> None:
    source = KnownSource(300)
    control = controlled(source)
    run = run_to_end(control)
    assert (run.state, run.finish_reason, run.error) == (RunState.DONE, FinishReason.SOURCE_ENDED, None)
    assert run.ledger.detected == 300
    assert run.ledger.rejected == {"overlap": 300 // REJECT_EVERY}
    assert run.ledger.dropped == {}
    assert run.ledger.samples == 300 * EVERY
    assert (run.provider, run.bundle, run.origin) == ("TestProvider", "known", Origin.SIMULATED)
    assert run.pipeline == f"known:1|images:1|known@{'d' * 16}" and len(run.pipeline_id) == 16
    assert set(run.files) == {"windows", "images", "cells", "rejected", "bundle", "truth"}
    assert source.closed


def test_truth_says_what_became_of_every_true_cell(controlled: Start) -> None:
    control = controlled(KnownSource(200))
    run = run_to_end(control)
    assert run.truth == {
        "cells": 230,
        "stored": 172,
        "rejected": {"overlap": 28},
        "dropped": 0,
        "merged": 20,
        "missed": 10,
        "particles": 0,
        "particles_stored": 0,
    }
    table = pq.read_table(control.folder(run.id).path / "truth.parquet").to_pylist()
    kinds = {(row["true_kind"], row["outcome"]) for row in table}
    assert kinds == {("a", "stored"), ("a", "rejected:overlap"), ("b", "merged"), ("c", "missed")}
    assert all(row["event_id"] == row["cell"] + 1 for row in table if row["true_kind"] == "a")


def test_the_number_of_cells_ends_a_run_and_the_rest_in_flight_is_finished(controlled: Start) -> None:
    control = controlled(KnownSource(None, pause_s=0.001))
    run = run_to_end(control, cells=100)
    assert run.finish_reason is FinishReason.TARGET_REACHED
    assert run.ledger.stored >= 100 and not run.ledger.dropped


@pytest.mark.parametrize("block", [137, 2000, 10_000])
def test_seconds_end_a_run_at_the_sample_whatever_the_blocks(controlled: Start, block: int) -> None:
    run = run_to_end(controlled(KnownSource(None, block=block)), seconds=25_250 / INSTRUMENT.sample_rate_hz)
    assert run.finish_reason is FinishReason.TARGET_REACHED
    assert (run.ledger.samples, run.ledger.detected) == (25_250, 50)
    assert run.truth is not None and run.truth["cells"] == 50 + 5 + 3


def test_stop_finishes_what_was_detected(controlled: Start) -> None:
    control = controlled(KnownSource(None, pause_s=0.002))
    run = control.start(RunRequest(source="known:"))
    while control.status().ledger.stored < 50:
        time.sleep(0.01)
    control.stop(run.id)
    run = control.wait(run.id, 10)
    assert run.finish_reason is FinishReason.STOPPED and not run.ledger.dropped
    check_books(control, run)
    with pytest.raises(RunStateError, match="done"):
        control.stop(run.id)


def test_a_slow_model_holds_up_a_stream_that_waits(controlled: Start) -> None:
    control = controlled(KnownSource(600), lambda: KnownModel(delay_s=0.01))
    run = run_to_end(control)
    assert run.ledger.detected == 600 and not run.ledger.dropped and not run.ledger.samples_lost


def test_a_slow_model_costs_a_live_stream_events_with_a_count(
    controlled: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.runs.pipeline.LIVE_EVENTS", 256)
    control = controlled(KnownSource(4000, waits=False, block=5000, pause_s=0.001), lambda: KnownModel(delay_s=0.05))
    run = run_to_end(control)
    lost = run.ledger.dropped.get("queue_full", 0)
    assert lost + run.ledger.samples_lost > 0
    assert run.ledger.samples + run.ledger.samples_lost == 4000 * EVERY


def test_the_ledger_balances_and_grows_at_every_look(controlled: Start) -> None:
    control = controlled(KnownSource(None, pause_s=0.001), lambda: KnownModel(delay_s=0.002), workers=2)
    run = control.start(RunRequest(source="known:", cells=400))
    looks: list[Ledger] = []
    while control.busy:
        looks.append(control.status().ledger)
        time.sleep(0.002)
    for before, after in itertools.pairwise(looks):
        assert after.detected >= before.detected and after.stored >= before.stored
    check_books(control, control.wait(run.id, 10))


class DyingModel(KnownModel):
    """Fails on every third batch, as a worker that is killed and comes back; never twice on the same batch.

    `failed` holds the first event of each batch that some model has failed on.
    """

    def __init__(self, failed: set[int]) -> None:
        super().__init__()
        self._calls = 0
        self._failed = failed

    def answer_arrays(self, event_id: Any, arrays: Any) -> Any:
        self._calls += 1
        if self._calls % 3 == 0 and int(event_id[0]) not in self._failed:
            self._failed.add(int(event_id[0]))
            raise MemoryError("gone")
        return super().answer_arrays(event_id, arrays)


def test_batches_that_fail_are_answered_by_another_try(controlled: Start) -> None:
    failed: set[int] = set()
    control = controlled(KnownSource(400), lambda: DyingModel(failed), workers=2)
    run = run_to_end(control)
    assert failed and not run.ledger.dropped and run.ledger.stored == 400 - 400 // REJECT_EVERY
    assert control.status().batches_given_again > 0


@pytest.mark.parametrize(("error", "reason"), [(Overrun, FinishReason.OVERRUN), (DeviceLost, FinishReason.SOURCE_LOST)])
def test_a_digitizer_that_gives_up_ends_the_run_with_its_reason(
    controlled: Start, error: type[Exception], reason: FinishReason
) -> None:
    run = run_to_end(controlled(KnownSource(50, error=error("The digitizer gave up."))), restarts=0)
    assert (run.finish_reason, run.error, run.ledger.detected) == (reason, "The digitizer gave up.", 50)


class BrokenDetector(KnownDetector):
    def push(self, block: Any) -> Any:
        found = super().push(block)
        if block.first_sample > 20_000:
            raise ZeroDivisionError("division by zero")
        return found


def test_a_fault_in_a_stage_fails_the_run_and_loses_no_count(controlled: Start, tmp_path: Path) -> None:
    known = known_makers(lambda: KnownSource(None, pause_s=0.001))
    makers = Makers(known.source, BrokenDetector, known.transform, known.bundle, known.engine)
    run = run_to_end(controlled(makers=makers))
    assert (run.state, run.finish_reason) == (RunState.FAILED, FinishReason.FAILED)
    assert run.error is not None and "ZeroDivisionError" in run.error
    assert run.ledger.detected == run.ledger.stored + sum(run.ledger.rejected.values()) + sum(
        run.ledger.dropped.values()
    )


def test_a_fault_in_storing_leaves_nobody_waiting(controlled: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: StopRules, rows: Any) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(StopRules, "stored", broken)
    control = controlled(KnownSource(None, block=20_000))
    run = control.wait(control.start(RunRequest(source="known:")).id, 30)
    assert (run.state, run.finish_reason, run.ledger.in_flight) == (RunState.FAILED, FinishReason.FAILED, 0)


def test_a_full_disk_ends_the_run_and_keeps_what_was_stored(controlled: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    control = controlled(KnownSource(None, pause_s=0.001))
    run = control.start(RunRequest(source="known:"))
    while control.status().ledger.stored < 100:
        time.sleep(0.005)
    # Only what the operating system says of the disk is made up; what follows is the real thing.
    full = disk.shutil.disk_usage(control.folder(run.id).path)._replace(free=0)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: full)
    monkeypatch.setattr("service.store.events.hdf5._CLAIM_BYTES", 1 << 30)
    run = control.wait(run.id, 20)
    assert (run.state, run.finish_reason) == (RunState.DONE, FinishReason.STORAGE)
    assert run.error is not None and "free some space" in run.error
    assert run.ledger.stored >= 100 and run.ledger.dropped.get("storage", 0) > 0
    check_books(control, run)


def test_rows_that_cannot_be_sealed_are_not_called_stored(
    controlled: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    control = controlled(KnownSource(120))

    def refuse(path: Path, content: bytes) -> None:
        if path.suffix == ".parquet":
            raise StorageError("The disk is full; free some space.")
        disk.write_sealed(path, content)

    monkeypatch.setattr("service.store.tables.part_table.write_sealed", refuse)
    monkeypatch.setattr("service.store.run_files.write_sealed", refuse)
    run = control.wait(control.start(RunRequest(source="known:")).id, 20)
    assert (run.finish_reason, run.ledger.stored) == (FinishReason.STORAGE, 0)
    assert run.ledger.dropped == {"storage": 120}


def test_the_raw_stream_is_kept_where_asked(controlled: Start) -> None:
    control = controlled(KnownSource(100))
    run = run_to_end(control, record=True)
    assert run.files["trace"] == ["trace-0001.h5"]
    with TraceReader(control.folder(run.id).path / "trace-0001.h5") as reader:
        assert reader.read(0, 5)[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert reader.summary().samples == 100 * EVERY


def test_states_follow_each_other_and_only_one_run_at_a_time(controlled: Start) -> None:
    control = controlled(KnownSource(None, pause_s=0.005))
    assert control.status().state is ServiceState.IDLE
    run = control.start(RunRequest(source="known:"))
    status = control.status()
    assert (status.state, status.run_id, status.origin) == (ServiceState.ACQUIRING, run.id, Origin.SIMULATED)
    assert run.state is RunState.ACQUIRING and control.folder(run.id).run().state is RunState.ACQUIRING
    with pytest.raises(RunStateError, match="acquiring"):
        control.start(RunRequest(source="known:"))
    while control.status().ledger.stored < 20:
        time.sleep(0.01)
    status = control.status()
    assert set(status.latency) == {"detect", "transform", "infer", "store", "total"}
    assert status.latency["total"].max_ms >= status.latency["total"].p50_ms > 0
    assert set(status.queues) == {"blocks", "events", "batches", "answers"} and status.event_rate_hz > 0
    assert [worker.provider for worker in status.workers] == ["TestProvider"]
    control.stop(run.id)
    control.wait(run.id, 10)
    assert control.status().state is ServiceState.IDLE
    control.close()
    assert control.status().state is ServiceState.CLOSED
    with pytest.raises(RunStateError, match="closed"):
        control.start(RunRequest(source="known:"))


def test_runs_follow_each_other_and_are_all_listed(controlled: Start) -> None:
    control = controlled(makers=known_makers(lambda: KnownSource(30)))
    ids = [run_to_end(control).id for _ in range(3)]
    assert [run.id for run in control.runs()] == sorted(ids) == ids


def test_a_start_that_fails_leaves_the_service_idle(controlled: Start) -> None:
    def no_source(url: str, **options: Any) -> Any:
        raise ConfigError("There is no source of this kind.")

    known = known_makers(KnownSource)
    control = controlled(makers=Makers(no_source, known.detector, known.transform, known.bundle, known.engine))
    with pytest.raises(ConfigError):
        control.start(RunRequest(source="x:"))
    assert control.status().state is ServiceState.IDLE and control.runs() == []


def test_images_that_are_asked_for_are_made_beside_the_usual_ones(controlled: Start) -> None:
    made: list[Any] = []

    class Watched(KnownTransform):
        def images(self, events: Any, channels: Any = None, **options: Any) -> Any:
            made.append(channels)
            return super().images(events, channels, **options)

    known = known_makers(lambda: KnownSource(40))
    control = controlled(makers=Makers(known.source, known.detector, Watched, known.bundle, known.engine))
    assert run_to_end(control, channels=["side_scatter"]).request.channels == ("side_scatter",)
    assert set(made) == {("transmission", "side_scatter")}
    made.clear()
    run_to_end(control)
    assert set(made) == {("transmission",)}


def test_images_that_an_instrument_does_not_have_are_one_sentence(controlled: Start) -> None:
    control = controlled()
    with pytest.raises(ReconstructionError, match="no images of the channel 'phase'; use one of transmission"):
        control.start(RunRequest(source="known:", channels=("phase",)))
    assert control.status().state is ServiceState.IDLE


@pytest.mark.parametrize(
    "run_id", ["", "..", "../../etc", "a/b", "20260101T000000000Z-abcdef", "x" * 500, "C:\\", "\0"]
)
def test_an_id_never_leads_out_of_the_data_folder(controlled: Start, run_id: str) -> None:
    with pytest.raises(UnknownRun):
        controlled().folder(run_id)


def test_close_is_quick_and_counts_what_a_stuck_model_leaves(controlled: Start) -> None:
    control = controlled(KnownSource(None), lambda: KnownModel(delay_s=1.0))
    run = control.start(RunRequest(source="known:"))
    time.sleep(0.3)
    began = time.monotonic()
    control.close()
    assert time.monotonic() - began < 5
    again = controlled(data=control._line._data).runs()[0]
    assert again.id == run.id and again.finish_reason is FinishReason.STOPPED
    assert again.ledger.in_flight == 0 and again.ledger.dropped["abandoned"] > 0


def test_two_services_do_not_write_to_one_data_folder(controlled: Start) -> None:
    first, second = controlled(KnownSource(None, pause_s=0.01)), controlled()
    run = first.start(RunRequest(source="known:"))
    with pytest.raises(RunStateError, match="--data"):
        second.start(RunRequest(source="known:"))
    assert second.runs()[0].state is RunState.ACQUIRING  # a running run of another service is not called crashed
    first.stop(run.id)


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_haste_slowness_and_failure_keeps_the_books(controlled: Start, seed: int) -> None:
    rng = random.Random(seed)

    class Moody(KnownModel):
        def answer_arrays(self, event_id: Any, arrays: Any) -> Any:
            time.sleep(rng.choice([0, 0, 0.001, 0.01]))
            if rng.random() < 0.3:
                raise MemoryError("gone")
            return super().answer_arrays(event_id, arrays)

    source = KnownSource(
        rng.choice([None, 50, 700]),
        waits=rng.random() < 0.5,
        block=rng.randint(50, 9000),
        pause_s=rng.choice([0.0005, 0.002]),
        error=rng.choice([None, Overrun("The digitizer overran.")]),
    )
    control = controlled(source, Moody, workers=rng.randint(1, 3))
    run = control.start(RunRequest(source="known:", cells=rng.choice([None, 80])))
    deadline = time.monotonic() + rng.uniform(0.1, 1.0)
    while not control.wait(run.id, 0.01).ended_at and time.monotonic() < deadline:
        ledger = control.status().ledger
        assert ledger.detected >= ledger.stored
    with contextlib.suppress(RunStateError):
        control.stop(run.id)
    run = control.wait(run.id, 20)
    assert run.ended_at is not None and run.state is RunState.DONE
    check_books(control, run)
    last = max(
        [row["event_id"] for row in control.folder(run.id).results().cells.page(order="-event_id", limit=1).rows] or [0]
    )
    assert run.ledger.detected >= last
    if source.waits:
        assert set(run.ledger.dropped) <= {"inference"} and not run.ledger.samples_lost


def test_a_broken_truth_does_not_hide_the_run(controlled: Start) -> None:
    source = KnownSource(40)
    source.truth = lambda: {"tick": [1.0]}  # type: ignore[method-assign,assignment,return-value]  # what a third party may do
    run = run_to_end(controlled(source))
    assert run.state is RunState.FAILED and run.error is not None and "closed properly" in run.error
    assert run.ledger.stored == 35


@pytest.mark.parametrize(("asked", "meant"), [(True, "full"), (False, "none"), ("windows", "windows")])
def test_what_is_recorded_may_be_said_in_the_old_way(asked: object, meant: str) -> None:
    assert RunRequest.model_validate({"source": "known:", "record": asked}).record == meant
    assert RunRequest.model_validate_json(RunRequest(record=asked).model_dump_json()).record == meant
