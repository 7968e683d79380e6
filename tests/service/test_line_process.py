"""A line in a process of its own: it is seen, it is told, and neither process takes anything along that dies."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from acquisition.errors import ConfigError
from service.apart.messages import Messages
from service.apart.process import LineProcess
from service.errors import RunStateError, UnknownRun
from service.gates.gate import Filter, Gate
from service.run import FinishReason, Run, RunRequest, RunState
from service.runs.control import RUNS, RunControl
from service.settings import Settings
from service.status import ServiceState
from service.store.followed_folder import FollowedFolder
from service.store.run_folder import RunFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
ENDLESS = RunRequest(source="sim:sheet-ci?rate=100&seed=3", speed=1.0)
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunControl, LineProcess]]:
    data = tmp_path_factory.mktemp("apart")
    line = LineProcess(Settings(data=data))
    with RunControl(data, line=line) as control:
        yield control, line


def begun(control: RunControl, request: RunRequest = ENDLESS, cells: int = 10) -> tuple[Run, list[int]]:
    """Start a run; return it with the cells that are seen once there are so many."""
    run = control.start(request)
    until_s, ids = time.monotonic() + PATIENCE_S, list[int]()
    while len(ids) < cells and time.monotonic() < until_s:
        time.sleep(0.05)
        ids = ids_of(control.folder(run.id))
    return run, ids


def ids_of(folder: RunFolder) -> list[int]:
    table = folder.results().cells.arrow(["event_id"])
    return [] if table is None else table.column("event_id").to_pylist()


def test_cells_are_seen_with_windows_and_images_while_another_process_stores_them(
    apart: tuple[RunControl, LineProcess],
) -> None:
    control, _ = apart
    gate = Gate(name="large", region=Filter(kind="filter", where="area_um2 > 60"))
    run, seen = begun(control, ENDLESS.model_copy(update={"gates": (gate,)}))
    folder = control.folder(run.id)
    assert isinstance(folder, FollowedFolder) and list(folder.gates.newest()) == ["large"]
    for event_id in seen:
        assert folder.event(event_id).event_id == event_id
        assert folder.image(event_id, "transmission").shape == (80, 80)
    assert folder.stored_images(seen, "transmission").shape == (len(seen), 80, 80)
    status = control.status()
    assert status.state is ServiceState.ACQUIRING and status.run_id == run.id and control.busy
    assert status.ledger.stored >= len(seen)
    with pytest.raises(RunStateError, match="only when it is idle"):
        control.start(ENDLESS)
    control.stop(run.id)
    run = control.wait(run.id)
    assert run.state is RunState.DONE and run.finish_reason is FinishReason.STOPPED and not control.busy
    whole = control.folder(run.id)
    assert not isinstance(whole, FollowedFolder)
    ids = ids_of(whole)
    assert len(ids) == run.ledger.stored and ids[: len(seen)] == seen
    assert control.runs()[-1] == run


def test_what_the_line_refuses_is_the_same_sentence_and_kind(apart: tuple[RunControl, LineProcess]) -> None:
    control, _ = apart
    with pytest.raises(ConfigError, match="sheet-nowhere"):
        control.start(RunRequest(source="sim:sheet-nowhere"))
    with pytest.raises(UnknownRun):
        control.stop("20260101T000000000Z-abcdef")
    assert control.status().state is ServiceState.IDLE


def test_a_line_that_is_killed_costs_its_run_and_not_the_service(
    apart: tuple[RunControl, LineProcess], caplog: pytest.LogCaptureFixture
) -> None:
    control, line = apart
    run, seen = begun(control)
    first = line.process_id
    assert first is not None
    with caplog.at_level(logging.INFO, logger="lightline"):
        os.kill(first, signal.SIGKILL)
        ended = control.wait(run.id)
        assert ended.state is RunState.FAILED and ended.ledger.in_flight == 0
        status = control.status()
    assert status.state is ServiceState.ERROR and "killed by signal 9" in (status.error or "")
    assert line.process_id != first and not control.busy
    assert ids_of(control.folder(run.id))[: len(seen)] == seen
    assert [record.what for record in caplog.records if record.name == "lightline.line"] == ["line_died"]  # type: ignore[attr-defined]
    control.acknowledge()
    assert control.status().state is ServiceState.IDLE


def test_what_the_line_has_to_say_is_in_the_service_s_log(
    apart: tuple[RunControl, LineProcess], caplog: pytest.LogCaptureFixture
) -> None:
    control, _ = apart
    with caplog.at_level(logging.INFO, logger="lightline"):
        run = control.start(ENDLESS.model_copy(update={"seconds": 0.05, "speed": None}))
        control.wait(run.id)
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s and not any(getattr(one, "what", "") == "run_done" for one in caplog.records):
            time.sleep(0.02)
    told = [one for one in caplog.records if getattr(one, "run", None) == run.id]
    assert {"run_started", "run_done"} <= {getattr(one, "what", "") for one in told}


def test_a_line_whose_service_is_killed_ends_its_run_and_itself(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    command = [sys.executable, "-m", "service.apart.child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        messages = Messages(process.stdout, process.stdin)
        messages.say({"settings": settings.plain(), "again": False})
        messages.say({"id": 1, "call": "start", "with": {"request": ENDLESS.model_dump(mode="json"), "gates": []}})
        answer = next(heard for heard in messages.hear() if heard.get("id") == 1)
        time.sleep(0.5)
        # All that it notices of a service that was killed.
        messages.close()
        assert process.wait(PATIENCE_S) == 0
    folder = RunFolder.open(tmp_path / RUNS / answer["result"]["id"])
    assert folder.run().state is RunState.DONE and folder.run().ledger.in_flight == 0
    assert len(ids_of(folder)) == folder.run().ledger.stored
    folder.close()


def test_a_line_whose_service_ends_before_it_says_anything_ends_quietly() -> None:
    """A traceback in the log, of nothing that anybody can mend, would be looked into."""
    command = [sys.executable, "-m", "service.apart.child"]
    ended = subprocess.run(command, input=b'{"settings": {"da', capture_output=True, timeout=PATIENCE_S)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
