"""The process of a line: `python -m service.apart.child`, begun by `LineProcess`, which speaks with it over pipes.

It ends when it is told to, and when the service that began it does, however that was: the run is ended then as if
somebody had stopped it, and sealed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from acquisition.errors import LightlineError
from acquisition.precedence import decline
from service.apart.messages import GATES, Messages, as_error
from service.errors import RunStateError
from service.logs import LogWriter, record_fields
from service.memory import share_pools
from service.run import Run, RunRequest
from service.runs.arming import Makers
from service.runs.line import RUNS, Line, LineHere
from service.runs.transport import Transport
from service.settings import Settings
from service.store.catalogue import Catalogue
from service.store.disk_watch import Watermarks
from service.store.retention import Retention
from service.store.upkeep import Upkeep

CALLS_AT_ONCE = 16
"""Of which those that wait for the end of a run take one each."""
logger = logging.getLogger("lightline.line")


def line_of(settings: Settings) -> LineHere:
    """Return the line that settings ask for, in this process."""
    catalogue = Catalogue(settings.data / RUNS)
    makers = Makers()
    transport = Transport(settings.transport, settings.workers, settings.provider, makers.engine, settings.keys)
    return LineHere(settings.data, catalogue, transport, makers, upkeep_of(settings))


def upkeep_of(settings: Settings) -> Upkeep:
    """Return how the line looks after its data folder."""
    marks = Watermarks(settings.disk_warn, settings.disk_warn_minutes, settings.disk_refuse)
    retention = Retention(settings.retention_days, settings.retention_bytes, sink=settings.sink)
    return Upkeep(settings.data, marks, retention)


class Answering:
    """Does for a line what the service asks."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._calls: dict[str, Callable[..., Any]] = {
            "close_crashed": line.close_crashed,
            "start": self._start,
            "begin": lambda run_id: _plain(line.begin(run_id)),
            "stop": lambda run_id: _plain(line.stop(run_id)),
            "acknowledge": line.acknowledge,
            "wait": lambda run_id, timeout: _plain(line.wait(run_id, timeout)),
            "run": lambda: _plain(line.run()),
            "status": lambda: line.status().model_dump(mode="json"),
            "refuse": line.refuse,
            "close": line.close,
        }

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a message."""
        try:
            return {"id": asked["id"], "result": self._calls[asked["call"]](**asked["with"])}
        except LightlineError as error:
            return {"id": asked["id"], **as_error(error)}
        except Exception as fault:
            logger.exception("The line has a fault.", extra={"what": "line_fault", "call": asked["call"]})
            return {"id": asked["id"], **as_error(RunStateError(f"The line has a fault ({fault}); see the log."))}

    def _start(self, request: dict[str, Any], gates: list[Any]) -> Any:
        return _plain(self._line.start(RunRequest.model_validate(request), GATES.validate_python(gates)))


def main() -> int:
    """Answer until the service ends."""
    # Whatever prints here must not come between the answers.
    said = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # The service hears the same signals, and says what is to be done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    messages = Messages(sys.stdin.buffer, said)
    heard = messages.hear()
    begin = next(heard, None)
    if begin is None:
        # The service ended before it said anything.
        return 0
    settings = Settings.model_validate(begin["settings"])
    share_pools()
    if not settings.real_time:
        decline()
    with _logging_to(messages):
        line = line_of(settings)
        if begin["again"]:
            # The one before has left a run open.
            line.close_crashed()
        answering, pool = Answering(line), ThreadPoolExecutor(CALLS_AT_ONCE, "line-call")
        try:
            for asked in heard:
                pool.submit(_answer, answering, asked, messages)
        finally:
            # Threads that wait for the end of a run go on with it.
            line.close()
            pool.shutdown()
    with suppress(OSError, ValueError):
        messages.close()
    return 0


def _answer(answering: Answering, asked: dict[str, Any], messages: Messages) -> None:
    answer = answering.answer(asked)
    # Where the service is gone, the end of its messages ends everything.
    with suppress(OSError, ValueError):
        messages.say(answer)


def _plain(run: Run | None) -> Any:
    return None if run is None else run.model_dump(mode="json")


class _ToService(logging.Handler):
    """Gives records to the service, whose log is one."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        with suppress(OSError, ValueError):
            self._messages.say({"log": record_fields(record)})


@contextmanager
def _logging_to(messages: Messages) -> Iterator[None]:
    handler, ours = LogWriter(_ToService(messages)), logging.getLogger("lightline")
    ours.setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # At once, as everything is closed: Python looks through all its objects before it ends otherwise.
    os._exit(code)
