"""What a live run cannot wait for comes first on the processors, while it lasts; a run that waits takes its turns."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from line_parts import KnownSource, known_makers

from acquisition.precedence import come_first
from service.api.metrics import prometheus_text
from service.run import Record, Run, RunRequest
from service.runs.control import RunControl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")


def in_real_time() -> set[str]:
    """Names of the threads of this process that come first."""
    return {
        thread.name
        for thread in threading.enumerate()
        if thread.native_id and os.sched_getscheduler(thread.native_id) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    }


def may_come_first() -> bool:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(come_first).result()


def begun(control: RunControl) -> Run:
    """Begin a run that keeps its raw samples, and return it when it has stored something."""
    run = control.start(RunRequest(source="known:", record=Record.FULL))
    deadline = time.monotonic() + 20
    while not control.status().ledger.stored:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return run


def test_the_stages_of_a_live_run_come_first_until_it_is_over(tmp_path: Path) -> None:
    if not may_come_first():
        pytest.skip("this user may not run threads in real time")
    source = KnownSource(None, waits=False, pause_s=0.002)
    with RunControl(tmp_path, makers=known_makers(lambda: source)) as control:
        run = begun(control)
        # What makes rows safe is in its turn, as nobody waits for it.
        stages = {"line-read", "line-detect", "line-windows", "line-transform", "line-decide"}
        assert in_real_time() == {*stages, "recorder", "dispatcher", "worker-0"}
        status = control.status()
        assert status.came_first is True and "\nlightline_line_comes_first 1\n" in prometheus_text(status)
        control.stop(run.id)
        control.wait(run.id, 20)
        deadline = time.monotonic() + 5
        while in_real_time():
            assert time.monotonic() < deadline, in_real_time()
            time.sleep(0.01)


def test_a_run_that_waits_for_its_reader_takes_turns(tmp_path: Path) -> None:
    with RunControl(tmp_path, makers=known_makers(lambda: KnownSource(None, pause_s=0.002))) as control:
        run = begun(control)
        assert not in_real_time()
        status = control.status()
        assert status.came_first is None and "\nlightline_line_comes_first 0\n" in prometheus_text(status)
        control.stop(run.id)
        control.wait(run.id, 20)
