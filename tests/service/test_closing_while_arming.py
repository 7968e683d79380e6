"""Who ends a service does not wait for a run that is being armed, and finds nothing half made afterwards."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from line_parts import KnownModel, KnownSource, KnownTransform, known_makers

from acquisition.errors import LightlineError
from service.api.server import ApiServer, listen
from service.cli.acquire import acquire
from service.cli.session import Session, StopRequest
from service.run import RunRequest
from service.runs.arming import Makers
from service.runs.control import RUNS, RunControl

LONG_S = 20.0


class Slow:
    """Something in arming that takes long, until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def take(self) -> None:
        self.begun.set()
        self.go.wait(LONG_S)


def compiling(slow: Slow) -> Makers:
    class SlowTransform(KnownTransform):
        def warm(self) -> None:
            slow.take()

    return replace(known_makers(lambda: KnownSource(20)), transform=lambda *_: SlowTransform())


def waiting_for_workers(slow: Slow) -> Makers:
    def make(_start: Any) -> Any:
        slow.take()
        return KnownModel()

    return replace(known_makers(lambda: KnownSource(20)), engine=lambda _provider: make)


@contextmanager
def arming(control: RunControl, slow: Slow) -> Iterator[list[Exception]]:
    """A run that is being armed in a thread; what it ends with is in the list."""
    ends: list[Exception] = []

    def start() -> None:
        try:
            control.start(RunRequest(source="known:"))
        except LightlineError as error:
            ends.append(error)
            slow.go.set()

    thread = threading.Thread(target=start)
    thread.start()
    assert slow.begun.wait(30)
    try:
        yield ends
    finally:
        slow.go.set()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("makers", [compiling, waiting_for_workers])
def test_closing_does_not_wait_for_arming_and_no_run_is_left(
    tmp_path: Path, makers: Callable[[Slow], Makers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.runs.line._ARM_PATIENCE_S", 0.3)
    slow = Slow()
    control = RunControl(tmp_path, makers=makers(slow))
    with arming(control, slow) as ends:
        began = time.monotonic()
        control.close()
        assert time.monotonic() - began < LONG_S / 2
    assert [str(error) for error in ends] == ["The service is closed; start it again."]
    assert not list((tmp_path / RUNS).glob("*"))


def test_the_command_line_ends_on_a_signal_while_it_arms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.runs.line._ARM_PATIENCE_S", 0.1)
    slow, stop = Slow(), StopRequest()

    def ask() -> None:
        slow.begun.wait(30)
        stop(signal.SIGTERM, None)

    signalling = threading.Thread(target=ask)
    signalling.start()
    with listen("127.0.0.1", 0) as listener, RunControl(tmp_path, makers=compiling(slow)) as control:
        session = Session(control, "http://127.0.0.1:0", stop, ApiServer(FastAPI(), listener))
        assert acquire(session, RunRequest(source="known:"), exit_when_done=True, as_json=False) == 0
        session.close()
        slow.go.set()
    signalling.join()
    assert "not armed yet" in capsys.readouterr().err
