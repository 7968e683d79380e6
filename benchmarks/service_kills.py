"""The service killed or told to end at random moments: is its folder whole, what is missing, how long does it take."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx
import numpy as np

from acquisition.errors import LightlineError
from benchmarks.service_process import address_of, kill_all, line_of, start_service
from service.run import Run, RunState
from service.runs.control import RUNS, RunControl
from service.store.run_files import RUN_JSON
from service.store.run_folder import RunFolder

SOURCE = "sim:sheet-ci?seconds=600&seed={seed}&rate=100"
_SAMPLED = 40
_START_S = 300.0
_CLOSED_S = 6.0
"""The next line has begun, and closed what was left, after so long."""


@dataclass(frozen=True)
class Witness:
    """What the service said from outside: when it was asked, and the cells stored and events detected by then."""

    asked_s: float
    stored: int
    detected: int


@dataclass(frozen=True)
class Left:
    """What a kill left.

    Attributes
    ----------
    whole
        Every run folder opens, is closed by the next service, and every row has its window and image.
    missing_s
        Age of the oldest cell that is missing, at most.
    uncounted_s
        Age of the oldest event that the ledger does not know, at most.
    stored
        Cells in the folder.
    """

    whole: bool
    missing_s: float
    uncounted_s: float
    stored: int


class Victim(StrEnum):
    """What of a service is killed: each process of it at once, or one of its two."""

    ALL = "all"
    SERVICE = "service"
    """The one that answers requests; its line ends the run by itself."""
    LINE = "line"
    """The one that acquires; the service closes the run by itself, and is killed then."""


def kill_service(data: Path, life_s: float, seed: int = 1, victim: Victim = Victim.ALL) -> Left:
    """Kill `lightline run` some time after its first cell was stored; a negative time is counted from its start."""
    with _service(data, seed, "--speed", "1") as process:
        if life_s < 0:
            time.sleep(-life_s)
            seen: list[Witness] = []
        else:
            seen = _watch(process, life_s)
        killed_s = time.monotonic()
        _kill(process, victim)
    return _look(data, seen, killed_s)


@dataclass(frozen=True)
class End:
    """How a service ended that was told to.

    Attributes
    ----------
    sealed_s
        From SIGTERM to the last word in `run.json`.
    took_s
        To the end of the process: Python looks through all its objects once more.
    sealed
        The run is done, everything detected is accounted for, and every row has its window and image.
    """

    sealed_s: float
    took_s: float
    sealed: bool


def end_service(data: Path, life_s: float, seed: int = 1) -> End:
    """Tell `lightline run` to end, which records everything and works as fast as it can; queues are full then."""
    with _service(data, seed, "--speed", "max", "--record", "full") as process:
        _watch(process, life_s)
        asked_s, asked_at = time.monotonic(), time.time()
        process.send_signal(signal.SIGTERM)
        process.communicate()
        took_s = time.monotonic() - asked_s
    # As it was left: nothing here closes it.
    (path,) = (data / RUNS).iterdir()
    sealed_s = (path / RUN_JSON).stat().st_mtime - asked_at
    folder = RunFolder.open(path)
    run = folder.run()
    sealed = run.state is RunState.DONE and run.ledger.in_flight == 0 and _is_whole(folder, run)
    folder.close()
    return End(sealed_s, took_s, sealed and process.returncode == 0)


def _kill(process: subprocess.Popen[str], victim: Victim) -> None:
    """Kill, and wait until nothing of the service is left."""
    line = line_of(process.pid)
    if victim is Victim.LINE and line is not None:
        os.kill(line, signal.SIGKILL)
        _until(lambda: line_of(process.pid) not in (None, line))
        time.sleep(_CLOSED_S)
    if victim is Victim.SERVICE:
        process.kill()
    else:
        kill_all(process.pid)
    process.communicate()
    _until(lambda: line is None or not Path(f"/proc/{line}").exists())


def _until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _START_S
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.02)


def _service(data: Path, seed: int, *options: str) -> subprocess.Popen[str]:
    return start_service(SOURCE.format(seed=seed), data, *options)


def _watch(process: subprocess.Popen[str], life_s: float) -> list[Witness]:
    """Ask the service until its time is over; what it says counts from when it was asked."""
    address, token = address_of(process)
    seen: list[Witness] = []
    end_s = time.monotonic() + _START_S
    begun = False
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        while time.monotonic() < end_s:
            asked_s = time.monotonic()
            ledger = client.get("/api/v1/status").json()["ledger"]
            seen.append(Witness(asked_s, ledger["stored"], ledger["detected"]))
            if ledger["stored"] and not begun:
                begun, end_s = True, time.monotonic() + life_s
            time.sleep(max(0.0, min(0.02, end_s - time.monotonic())))
    if not begun:
        process.kill()
        raise RuntimeError("The run that was to be killed did not begin.")
    return seen


def _look(data: Path, seen: list[Witness], killed_s: float) -> Left:
    """Let the next service close what was left, and compare it with what was seen."""
    try:
        with RunControl(data) as control:
            runs = control.runs()
            whole = all(run.state.ended and run.ledger.in_flight == 0 for run in runs)
            whole = whole and all(_is_whole(control.folder(run.id), run) for run in runs)
        with RunControl(data) as again:
            whole = whole and again.runs() == runs
    except LightlineError:
        return Left(False, 0.0, 0.0, 0)
    if not runs:
        # Killed before there was a run: what there is of its folder is in nobody's way.
        return Left(not seen, 0.0, 0.0, 0)
    ledger = runs[0].ledger
    # A number asked for at some time is at least as old, so that these ages are upper bounds.
    known = max((one.asked_s for one in seen if one.stored <= ledger.stored), default=killed_s)
    counted = max((one.asked_s for one in seen if one.detected <= ledger.detected), default=killed_s)
    newest = max((one for one in seen), key=lambda one: one.asked_s, default=Witness(killed_s, 0, 0))
    return Left(
        whole,
        0.0 if newest.stored <= ledger.stored else killed_s - known,
        0.0 if newest.detected <= ledger.detected else killed_s - counted,
        ledger.stored,
    )


def _is_whole(folder: RunFolder, run: Run) -> bool:
    """Whether the tables have as many rows as the ledger says, each once, with window and image."""
    results = folder.results()
    table = results.cells.arrow(["event_id"])
    ids = np.zeros(0, np.uint64) if table is None else table.column("event_id").to_numpy()
    if len(ids) != run.ledger.stored or len(np.unique(ids)) != len(ids):
        return False
    channel = run.instrument.channels[0].name
    for event_id in [*ids[:: max(1, len(ids) // _SAMPLED)].tolist(), *ids[-5:].tolist()]:
        if folder.event(event_id).event_id != event_id or not np.isfinite(folder.image(event_id, channel)).any():
            return False
    return sum(path.stat().st_size for path in (folder.path.parent.parent / RUNS).rglob("*.tmp")) == 0
