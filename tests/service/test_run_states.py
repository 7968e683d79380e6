"""The states of a run and of the service: what follows what, and a run that is held until it is told to start."""

from __future__ import annotations

import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from line_parts import KnownModel, KnownSource, known_makers

from acquisition.errors import DeviceLost
from service.api.server import ApiServer, listen
from service.cli.acquire import acquire
from service.cli.session import Session, StopRequest
from service.errors import RunStateError, UnknownRun
from service.run import FinishReason, Run, RunRequest, RunState
from service.runs.control import RunControl
from service.runs.states import FOLLOWS, checked_step, service_state
from service.status import ServiceState

Control = Callable[..., RunControl]


class WatchedSource(KnownSource):
    """Counts its starts."""

    starts = 0

    def start(self) -> None:
        self.starts += 1
        super().start()


@pytest.fixture
def control_of(tmp_path: Path) -> Iterator[Control]:
    made: list[RunControl] = []

    def make(source: Callable[[], Any]) -> RunControl:
        made.append(RunControl(tmp_path, makers=known_makers(source, KnownModel)))
        return made[-1]

    yield make
    for control in made:
        control.close()


def held(**more: Any) -> RunRequest:
    return RunRequest(source="known:", hold=True, **more)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(RunState, RunState)))
def test_a_run_goes_only_where_the_table_says(before: RunState, after: RunState) -> None:
    if after in FOLLOWS[before]:
        assert checked_step(before, after) is after
    else:
        with pytest.raises(ValueError, match="cannot become"):
            checked_step(before, after)
    assert before.ended == (not FOLLOWS[before])


@pytest.mark.parametrize(
    ("state", "over", "error", "acknowledged", "shown"),
    [
        (RunState.ARMED, False, None, False, ServiceState.ARMED),
        (RunState.ACQUIRING, False, None, False, ServiceState.ACQUIRING),
        (RunState.DRAINING, False, None, False, ServiceState.DRAINING),
        (RunState.DONE, False, None, False, ServiceState.DRAINING),
        (RunState.DONE, True, None, False, ServiceState.IDLE),
        (RunState.DONE, True, "The digitizer is gone.", False, ServiceState.ERROR),
        (RunState.FAILED, True, "A fault.", False, ServiceState.ERROR),
        (RunState.FAILED, True, "A fault.", True, ServiceState.IDLE),
    ],
)
def test_the_service_shows_what_its_run_does(
    known_run: Run, state: RunState, over: bool, error: str | None, acknowledged: bool, shown: ServiceState
) -> None:
    run = known_run.model_copy(update={"state": state, "error": error})
    assert service_state(run, over=over, arming=False, closed=False, acknowledged=acknowledged) is shown
    arming = service_state(run, over=over, arming=True, closed=False, acknowledged=acknowledged)
    assert arming is ServiceState.ARMING
    assert service_state(run, over=over, arming=True, closed=True, acknowledged=acknowledged) is ServiceState.CLOSED
    assert service_state(None, over=False, arming=False, closed=False, acknowledged=True) is ServiceState.IDLE


def test_a_held_run_reads_nothing_until_it_is_started(control_of: Control) -> None:
    source = WatchedSource(60)
    control = control_of(lambda: source)
    run = control.start(held())
    armed_at = run.started_at
    assert run.state is RunState.ARMED and control.status().state is ServiceState.ARMED
    assert [worker.provider for worker in control.status().workers] == ["TestProvider"], "the model is not warm"
    time.sleep(0.2)
    assert source.starts == 0 and control.status().ledger.samples == 0
    with pytest.raises(RunStateError, match="armed"):
        control.start(held())
    assert control.begin(run.id).state is not RunState.ARMED
    with pytest.raises(RunStateError, match="only an armed run"):
        control.begin(run.id)
    run = control.wait(run.id, 30)
    assert (run.state, run.finish_reason, run.ledger.detected) == (RunState.DONE, FinishReason.SOURCE_ENDED, 60)
    assert source.starts == 1 and run.started_at > armed_at
    with pytest.raises(UnknownRun):
        control.begin("20260101T000000000Z-aaaaaa")


def test_a_run_stopped_while_armed_leaves_an_honest_folder(control_of: Control) -> None:
    source = WatchedSource(60)
    control = control_of(lambda: source)
    control.stop(control.start(held(record=True)).id)
    run = control.wait(control.runs()[-1].id, 30)
    assert (run.state, run.finish_reason, run.error) == (RunState.DONE, FinishReason.STOPPED, None)
    assert source.starts == 0 and source.closed and run.ended_at is not None
    ledger = run.ledger
    assert (ledger.detected, ledger.samples, ledger.recorded, ledger.unrecorded) == (0, 0, 0, 0)
    folder = control.folder(run.id)
    assert folder.run() == run and folder.results().cells.page().total == folder.results().rejected.page().total == 0
    assert control.status().state is ServiceState.IDLE
    assert control.start(held()).state is RunState.ARMED, "the service cannot arm again"


def test_closing_the_service_ends_a_held_run(control_of: Control) -> None:
    control = control_of(KnownSource)
    run = control.start(held())
    control.close()
    assert control.wait(run.id).finish_reason is FinishReason.STOPPED


def test_start_and_stop_at_the_same_time_leave_one_story(control_of: Control) -> None:
    for _ in range(4):
        control = control_of(lambda: KnownSource(None, pause_s=0.001))
        run = control.start(held())
        refused: list[RunStateError] = []

        def begin(control: RunControl = control, run: Run = run, refused: list[RunStateError] = refused) -> None:
            try:
                control.begin(run.id)
            except RunStateError as error:
                refused.append(error)

        thread = threading.Thread(target=begin)
        thread.start()
        control.stop(run.id)
        thread.join()
        run = control.wait(run.id, 30)
        assert (run.state, run.finish_reason, run.error) == (RunState.DONE, FinishReason.STOPPED, None)
        control.close()


@pytest.mark.parametrize("how", ["acknowledge", "start"])
def test_an_error_is_shown_until_somebody_knows(control_of: Control, how: str) -> None:
    control = control_of(lambda: KnownSource(20, error=DeviceLost("The digitizer is gone.")))
    run = control.wait(control.start(RunRequest(source="known:")).id, 30)
    assert run.state is RunState.DONE and run.finish_reason is FinishReason.SOURCE_LOST
    status = control.status()
    assert (status.state, status.error) == (ServiceState.ERROR, "The digitizer is gone.")
    if how == "acknowledge":
        control.acknowledge()
        assert (control.status().state, control.status().error) == (ServiceState.IDLE, None)
    else:
        control.start(held())
        assert (control.status().state, control.status().error) == (ServiceState.ARMED, None)


def test_a_run_held_at_the_command_line_begins_with_enter(
    control_of: Control, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    control = control_of(lambda: KnownSource(30))
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with listen("127.0.0.1", 0) as listener:
        session = Session(control, "http://127.0.0.1:0", StopRequest(), ApiServer(FastAPI(), listener))
        assert acquire(session, held(name="blood"), exit_when_done=True, as_json=False) == 0
    assert "press Enter" in capsys.readouterr().err
    run = control.runs()[-1]
    assert (run.request.name, run.finish_reason) == ("blood", FinishReason.SOURCE_ENDED)
