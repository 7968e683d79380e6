"""Hours of acquisition must not wait for a person to start a worker that died."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from service.runs import worker_processes
from service.runs.worker_processes import WorkerProcesses

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def lost() -> list[str]:
    return []


@pytest.fixture
def made(lost: list[str]) -> Iterator[Callable[[list[str]], WorkerProcesses]]:
    every: list[WorkerProcesses] = []

    def make(command: list[str]) -> WorkerProcesses:
        every.append(WorkerProcesses(2, lambda _: command, lost.append))
        return every[-1]

    yield make
    for processes in every:
        processes.stop(5.0)
        assert processes.ids() == []


def test_one_that_is_killed_is_reported_and_replaced_and_the_other_stays(
    made: Callable[[list[str]], WorkerProcesses], lost: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_processes, "STEADY_S", 0.0)
    processes = made(SLEEP)
    processes.start()
    first, second = processes.ids()
    os.kill(first, signal.SIGKILL)
    until(lambda: processes.replaced == 1)
    assert lost == ["process-0"]
    replacement, same = processes.ids()
    assert same == second and replacement != first


def test_one_that_was_sent_home_is_not_replaced_before_the_next_start(
    made: Callable[[list[str]], WorkerProcesses], lost: list[str]
) -> None:
    processes = made([sys.executable, "-c", ""])
    processes.start()
    until(lambda: processes.ids() == [])
    time.sleep(3 * worker_processes.WATCH_S)
    assert (processes.replaced, lost, processes.ids()) == (0, [], [])


def test_one_that_dies_at_once_is_not_started_again_and_again(
    made: Callable[[list[str]], WorkerProcesses], lost: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_processes, "_FIRST_PAUSE_S", 0.2)
    monkeypatch.setattr(worker_processes, "LONGEST_PAUSE_S", 0.4)
    began = time.monotonic()
    processes = made([sys.executable, "-c", "raise SystemExit(2)"])
    processes.start()
    until(lambda: len(lost) >= 6)
    # Of each place the second is started after 0.2 s, and the third after 0.4 s more.
    assert time.monotonic() - began > 0.6
    assert processes.replaced >= 4
