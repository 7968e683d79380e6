"""Whatever kills the service or fills the disk: what was sealed is there, and what is missing is counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from line_parts import EVERY, REJECT_EVERY, KnownSource, known_makers

from acquisition.trace import TraceSequence
from service.run import DropReason, FinishReason, RunRequest, RunState
from service.runs.control import RunControl
from service.runs.pipeline import BLOCKS
from service.store.run_files import read_run
from service.store.run_folder import RunFolder

HERE = Path(__file__).parent
BLOCKS_UNDER_WAY = BLOCKS + 2
"""Received and not searched yet: those in the queue, and those in the hands of the reader and of detection."""
KNOWN_RATE_HZ = 2000 / 0.002
"""Most samples per second of the source of these tests."""

SCRIPT = """
    import sys, time
    sys.path.insert(0, {here!r})
    from line_parts import KnownSource, known_makers
    from service.runs.control import RunControl
    from service.run import RunRequest
    control = RunControl({data!r}, makers=known_makers(lambda: KnownSource(None, pause_s=0.002)))
    control.start(RunRequest(source="known:"))
    while True:
        ledger = control.status().ledger
        print(ledger.stored, ledger.detected, flush=True)
        time.sleep(0.02)
"""


def python(text: str) -> subprocess.Popen[str]:
    code = textwrap.dedent(text)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], stored: int, more_s: float) -> tuple[int, int]:
    """Kill without warning once so many cells are stored and some time has gone; return the last counts seen."""
    assert process.stdout is not None
    last = 0
    detected = 0
    deadline: float | None = None
    for line in process.stdout:
        last, detected = map(int, line.split())
        if last >= stored and deadline is None:
            deadline = time.monotonic() + more_s
        if deadline is not None and time.monotonic() >= deadline:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return last, detected


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
@pytest.mark.parametrize("more_s", [1.1, 1.6, 2.3])
def test_a_killed_service_leaves_a_run_that_opens_and_says_so(tmp_path: Path, more_s: float) -> None:
    process = python(SCRIPT.format(here=str(HERE), data=str(tmp_path)))
    last, detected = kill_after(process, 50, more_s)
    with RunControl(tmp_path) as control:
        (run,) = control.runs()
        assert (run.state, run.finish_reason) == (RunState.FAILED, FinishReason.FAILED)
        assert run.error is not None and "ended before this run did" in run.error
        ledger, folder = run.ledger, control.folder(run.id)
        assert ledger.in_flight == 0 and ledger.stored <= ledger.detected
        # Every event that anybody was told of is accounted for: what no table has was taken by the kill.
        assert ledger.detected >= detected
        assert sum(ledger.dropped.values()) == ledger.dropped.get(DropReason.CRASH, 0)
        assert ledger.samples / EVERY - ledger.detected <= BLOCKS_UNDER_WAY * 2000 / EVERY
        assert not list(folder.path.glob("*.tally"))
        rows = folder.results().cells.page(limit=10_000).rows
        ids = [row["event_id"] for row in rows]
        assert len(ids) == min(10_000, ledger.stored) == len(set(ids))
        # Sealed every second, and looked at every 20 ms: no more than about a second's cells are missing.
        assert ledger.stored >= last * (1 - 1.5 / (more_s + 0.05))
        assert ledger.stored > 0
        for event_id in ids[:: max(1, len(ids) // 20)]:
            assert event_id % REJECT_EVERY
            assert (folder.image(event_id, "transmission") == event_id).all()
            assert folder.event(event_id).event_id == event_id
        assert control.runs()[0] == run
    with RunControl(tmp_path) as again:
        assert again.runs()[0] == run  # closed once, and left so


RECORDED = SCRIPT.replace('source="known:"', 'source="known:", record={record!r}').replace(
    "print(ledger.stored", "print(ledger.samples"
)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
@pytest.mark.parametrize(("record", "more_s"), [("full", 0.33), ("full", 1.21), ("windows", 0.7)])
def test_what_a_kill_took_from_the_recording_stands_in_the_ledger(tmp_path: Path, record: str, more_s: float) -> None:
    process = python(RECORDED.format(here=str(HERE), data=str(tmp_path), record=record))
    last, _ = kill_after(process, 20_000, more_s)
    with RunControl(tmp_path) as control:
        (run,) = control.runs()
        ledger, folder = run.ledger, control.folder(run.id)
    with TraceSequence(folder.path) as trace:
        assert trace.n_samples == ledger.recorded
        assert trace.read(0, 10_000)[:, 0].tolist() == [tick % 1000 for tick in range(min(10_000, trace.n_samples))]
    assert ledger.recorded + ledger.left_out + ledger.unrecorded == ledger.samples >= last
    assert ledger.unrecorded <= 1.0 * KNOWN_RATE_HZ
    assert not list(folder.path.glob("*.tally"))


FULL = """
    import resource, sys
    sys.path.insert(0, {here!r})
    import numpy as np
    from dataclasses import replace
    import line_parts
    from line_parts import KnownSource, KnownDetector, known_makers
    from service.runs.arming import Makers
    from service.runs.control import RunControl
    from service.run import RunRequest

    class LargeWindows(KnownDetector):
        def push(self, block):
            return [replace(event, window=np.ones((20_000, 2), np.int16)) for event in super().push(block)]

    known = known_makers(lambda: KnownSource(None, pause_s=0.001))
    makers = Makers(known.source, LargeWindows, known.transform, known.bundle, known.engine)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40 << 20, 40 << 20))
    with RunControl({data!r}, makers=makers) as control:
        run = control.wait(control.start(RunRequest(source="known:")).id, 30)
        print(run.state, run.finish_reason)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX facility")
def test_when_the_system_refuses_to_write_the_run_ends_and_stays_readable(tmp_path: Path) -> None:
    out, err = python(FULL.format(here=str(HERE), data=str(tmp_path))).communicate(timeout=60)
    assert out.split() == ["done", "storage"] and not err
    (path,) = (tmp_path / "runs").iterdir()
    folder = RunFolder.open(path)
    run = folder.run()
    assert run.error is not None and "cannot be written to any more" in run.error
    assert run.ledger.in_flight == 0 and run.ledger.dropped["storage"] > 0
    rows = folder.results().cells.page(limit=10_000).rows
    assert len(rows) == run.ledger.stored > 100
    for row in rows[::37]:
        assert folder.event(row["event_id"]).window.shape == (20_000, 2)
        assert (folder.image(row["event_id"], "transmission") == row["event_id"]).all()
    folder.close()


def test_who_asks_for_the_first_run_of_a_folder_does_not_close_it_as_if_it_had_crashed(tmp_path: Path) -> None:
    with RunControl(tmp_path / "new", makers=known_makers(lambda: KnownSource(20))) as control:
        run = control.start(RunRequest(source="known:", hold=True))
        folder = control.folder(run.id)
        assert read_run(folder.path).state is RunState.ARMED
        control.begin(run.id)
        assert control.wait(run.id, 30).state is RunState.DONE
