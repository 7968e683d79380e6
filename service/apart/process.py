"""The service's side of a line in a process of its own: begins it, asks it, and takes note when it dies."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import Any

from service.apart.messages import GATES, Messages, error_of
from service.errors import RunStateError
from service.gates.gate import Gate
from service.logs import record_of
from service.run import Run, RunRequest
from service.runs.arming import CLOSED
from service.settings import Settings
from service.status import ServiceState, ServiceStatus

_CLOSE_PATIENCE_S = 8.0
logger = logging.getLogger("lightline.line")


class LineProcess:
    """A `Line` whose runs are acquired by another process, which is begun anew where it died.

    States: new -> (the first question) -> there -> (it dies) -> gone -> (the next question) -> there; `close` from any
    of them ends it. The run that died with it is closed as failed by the next one, at once.

    Parameters
    ----------
    settings
        How the service is set up.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._there: _Child | None = None
        self._closed = False
        self._run_id: str | None = None
        """Of the run that goes on."""
        self._lost: str | None = None
        """How the process died in the middle of a run, until somebody knows."""

    def begin_now(self) -> None:
        """Begin the process before anybody asks it, and without waiting for it."""
        self._child()

    @property
    def process_id(self) -> int | None:
        """Of the process, None where there is none."""
        there = self._there
        return None if there is None else there.process.pid

    @property
    def busy(self) -> bool:
        """Whether a run goes on, from armed to over; known without asking anybody."""
        return self._run_id is not None

    def close_crashed(self) -> bool:
        """Close runs that a crash left open; False where another service has the data folder."""
        return not self._closed and bool(self._ask_again("close_crashed"))

    def start(self, request: RunRequest, gates: Sequence[Gate]) -> Run:
        """Arm a run with its gates and, unless it is to be held, let it acquire; see `RunControl.start`."""
        plain = GATES.dump_python(tuple(gates), mode="json")
        run = Run.model_validate(self._ask("start", request=request.model_dump(mode="json"), gates=plain))
        self._run_id, self._lost = run.id, None
        threading.Thread(target=self._until_over, args=(run.id,), name="line-run", daemon=True).start()
        return run

    def begin(self, run_id: str) -> Run:
        """Let a run acquire that was held; see `RunControl.begin`."""
        return Run.model_validate(self._ask("begin", run_id=run_id))

    def stop(self, run_id: str) -> Run:
        """Take no more samples; see `RunControl.stop`."""
        return Run.model_validate(self._ask("stop", run_id=run_id))

    def acknowledge(self) -> None:
        """Say that it is known how the last run ended."""
        self._lost = None
        self._ask_again("acknowledge")

    def wait(self, run_id: str, timeout: float | None) -> Run | None:
        """Wait until a run is over, and return it as it then stands; None at once where it is not the last one."""
        if self._closed:
            return None
        try:
            run = _run(self._ask("wait", run_id=run_id, timeout=timeout))
        except _Lost:
            # The run is over with it, once the next one has closed its files.
            self.close_crashed()
            return None
        if timeout is None and self._run_id == run_id:
            self._run_id = None
        return run

    def run(self) -> Run | None:
        """Return the run in progress, otherwise the last one, as it stands; None before the first."""
        return None if self._closed else _run(self._ask_again("run"))

    def status(self) -> ServiceStatus:
        """Return its part of the service's status."""
        if self._closed:
            return ServiceStatus(state=ServiceState.CLOSED)
        status, lost = ServiceStatus.model_validate(self._ask_again("status")), self._lost
        if lost is None or status.state is not ServiceState.IDLE:
            return status
        return status.model_copy(update={"state": ServiceState.ERROR, "error": lost})

    def refuse(self) -> None:
        """Begin no other run, and give up what is being armed."""
        there = self._there
        if there is not None and not self._closed:
            there.ask("refuse", {})

    def close(self) -> bool:
        """End the run, seal everything and end the process; may be called twice."""
        with self._lock:
            there, self._there, self._closed, self._run_id = self._there, None, True, None
        if there is not None:
            there.end(_CLOSE_PATIENCE_S)
        return True

    def _ask(self, call: str, **arguments: Any) -> Any:
        return self._child().ask(call, arguments).result()

    def _ask_again(self, call: str, **arguments: Any) -> Any:
        """Ask, and ask the next process where this one ends before it answers: once, for nothing is done twice."""
        try:
            return self._ask(call, **arguments)
        except _Lost:
            return self._ask(call, **arguments)

    def _child(self) -> _Child:
        with self._lock:
            if self._closed:
                raise RunStateError(CLOSED)
            if self._there is None or self._there.gone:
                self._there = _Child(self._settings, self._died, again=self._there is not None)
            return self._there

    def _until_over(self, run_id: str) -> None:
        # Where it does not say so, it died, or the service ends.
        with suppress(RunStateError):
            self.wait(run_id, None)

    def _died(self, code: int) -> None:
        """Note that the process ended by itself; of a run that went on, let the next one close the files at once."""
        run_id, self._run_id = self._run_id, None
        if self._closed:
            return
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        about = {"what": "line_died", "exit_code": code, "run": run_id or ""}
        logger.error(f"The process that acquires {ended}; another one takes its place.", extra=about)
        if run_id is not None:
            self._lost = f"The process that acquires {ended}; what was safe of the run {run_id} is kept, start another."
            # The next one closes its files before anything else.
            with suppress(RunStateError):
                self._child()


class _Lost(RunStateError):
    """The process ended before it answered."""


class _Child:
    """One process, and the questions that it has not answered yet."""

    def __init__(self, settings: Settings, died: Callable[[int], None], *, again: bool) -> None:
        self._died = died
        self._lock = threading.Lock()
        self._asked = 0
        self._waiting: dict[int, Future[Any]] = {}
        self._ending = False
        self.gone = False
        command = [sys.executable, "-m", "service.apart.child"]
        # A session of its own: what a terminal sends to the service's is for the service alone.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=sys.platform != "win32"
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._messages = Messages(self.process.stdout, self.process.stdin)
        self._messages.say({"settings": settings.plain(), "again": again})
        self._listener = threading.Thread(target=self._listen, name="line-listener", daemon=True)
        self._listener.start()

    def ask(self, call: str, arguments: dict[str, Any]) -> Future[Any]:
        """Ask; the answer comes when it is there, and a `RunStateError` where the process ends before."""
        future: Future[Any] = Future()
        with self._lock:
            self._asked += 1
            number = self._asked
            self._waiting[number] = future
        try:
            self._messages.say({"id": number, "call": call, "with": arguments})
        except (OSError, ValueError):
            self._fail(number)
        if self.gone:
            self._fail(number)
        return future

    def end(self, patience_s: float) -> None:
        """Let the process seal its run, and end; kill it where that takes too long."""
        self._ending = True
        closing = self.ask("close", {})
        try:
            closing.result(patience_s)
        except (NotYet, RunStateError):
            logger.warning("The process that acquires does not end by itself.", extra={"what": "line_killed"})
        self._messages.close()
        try:
            self.process.wait(patience_s if closing.done() else 0.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join(patience_s)

    def _listen(self) -> None:
        for heard in self._messages.hear():
            if "log" in heard:
                record = record_of(heard["log"])
                logging.getLogger(record.name).handle(record)
            elif "id" in heard:
                self._take(heard)
        code = self.process.wait()
        self.gone = True
        self._messages.close()
        for number in list(self._waiting):
            self._fail(number)
        if not self._ending:
            self._died(code)

    def _take(self, answer: dict[str, Any]) -> None:
        with self._lock:
            future = self._waiting.pop(answer["id"], None)
        if future is None:
            return
        if "error" in answer:
            future.set_exception(error_of(answer))
        else:
            future.set_result(answer["result"])

    def _fail(self, number: int) -> None:
        with self._lock:
            future = self._waiting.pop(number, None)
        if future is not None:
            future.set_exception(_Lost("The process that acquires ended before it answered; ask again."))


def _run(plain: Any) -> Run | None:
    return None if plain is None else Run.model_validate(plain)
