"""One acquisition in a running service, with its ledger on the screen."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future, wait
from contextlib import suppress

import click

from service.cli.session import STOPPING, Session
from service.errors import RunStateError
from service.run import Ledger, Run, RunRequest

_LOOK_S = 0.5
_ARMED_S = 0.05
_LOG_S = 10.0


def ledger_line(state: str, ledger: Ledger) -> str:
    """Return the ledger as one line: the sum that it is."""
    rejected, dropped = sum(ledger.rejected.values()), sum(ledger.dropped.values())
    return (
        f"{state}: {ledger.detected} detected = {ledger.stored} stored + {rejected} rejected + "
        f"{dropped} dropped + {ledger.in_flight} in flight"
    )


def discards(ledger: Ledger) -> str:
    """Return what was not judged, by reason, as shares of the events detected; empty if there was nothing."""
    lost = {**ledger.rejected, **{f"dropped: {reason}": n for reason, n in ledger.dropped.items()}}
    ordered = sorted((pair for pair in lost.items() if pair[1]), key=lambda pair: -pair[1])
    return ", ".join(f"{reason} {n} ({n / ledger.detected:.1%})" for reason, n in ordered)


class LiveLine:
    """A line on stderr that is written over; where stderr is not a screen, a new line now and then."""

    def __init__(self) -> None:
        self._on_screen = sys.stderr.isatty()
        self._length = 0
        self._next_s = 0.0

    def show(self, text: str) -> None:
        """Write over the line."""
        if self._on_screen:
            click.echo("\r" + text.ljust(self._length), err=True, nl=False)
            self._length = len(text)
        elif time.monotonic() >= self._next_s:
            click.echo(text, err=True)
            self._next_s = time.monotonic() + _LOG_S

    def end(self, text: str) -> None:
        """Write the last state of the line, and leave it."""
        click.echo(("\r" if self._on_screen else "") + text.ljust(self._length), err=True)


def acquire(session: Session, request: RunRequest, *, exit_when_done: bool, as_json: bool) -> int:
    """Run one acquisition; return the exit code.

    Parameters
    ----------
    session
        The running service.
    request
        What to acquire.
    exit_when_done
        Return when the run has ended, instead of serving until a signal comes.
    as_json
        Print the finished run on stdout.

    Raises
    ------
    LightlineError
        If the run cannot be started; see `RunControl.start`.
    """
    click.echo(f"Opening {request.source}, warming kernels and model ...", err=True)
    run = _armed(session, request)
    if run is None:
        click.echo("Stopping: the run was not armed yet, and nothing of it is kept.", err=True)
        return session.stop.exit_code
    if request.hold:
        click.echo("Armed: press Enter to begin, or start it from the page.", err=True)
        threading.Thread(target=_begin_on_enter, args=(session, run.id), daemon=True).start()
    _watch(session, run.id)
    if session.stop.asked:
        click.echo(STOPPING, err=True)
        # Not by way of the API, which takes as long as it needs: who ends a process waits a few seconds only.
        session.close()
    run = session.control.wait(run.id)
    _tell(run, as_json=as_json)
    if not exit_when_done and not session.stop.asked:
        click.echo(f"The run {run.id} is kept; the page stays open until Ctrl-C.", err=True)
        while not session.stop.wait(60.0):
            continue
    if session.stop.asked:
        return session.stop.exit_code
    return 1 if run.error else 0


def _armed(session: Session, request: RunRequest) -> Run | None:
    """Start a run; None if the end was asked for before it was armed."""
    started: Future[Run] = Future()

    def start() -> None:
        try:
            started.set_result(session.control.start(request))
        except BaseException as error:
            started.set_exception(error)

    # Arming takes minutes where kernels are compiled, which does not look at signals.
    threading.Thread(target=start, name="arming", daemon=True).start()
    while not wait([started], _ARMED_S).done:
        if session.stop.asked:
            return None
    return started.result()


def _begin_on_enter(session: Session, run_id: str) -> None:
    """Begin a run that is held once a line comes from the keyboard; without a keyboard, somebody else does."""
    if sys.stdin.readline():
        # It may have been started or stopped from the page.
        with suppress(RunStateError):
            session.control.begin(run_id)


def _watch(session: Session, run_id: str) -> None:
    line = LiveLine()
    run = session.control.wait(run_id, timeout=0.0)
    while not run.state.ended and not session.stop.wait(_LOOK_S):
        status = session.control.status()
        line.show(f"{ledger_line(status.state, status.ledger)}, {status.event_rate_hz:.0f} events/s")
        run = session.control.wait(run_id, timeout=0.0)
    line.end(ledger_line(run.state, run.ledger))
    if shares := discards(run.ledger):
        click.echo(f"Not judged: {shares}", err=True)


def _tell(run: Run, *, as_json: bool) -> None:
    if as_json:
        click.echo(run.model_dump_json(indent=1))
    if run.error:
        click.echo(f"lightline: {run.error}", err=True)
