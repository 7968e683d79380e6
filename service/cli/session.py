"""A service with its page, started and ended cleanly: what `run`, `replay` and `serve` have in common."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import click

from service.apart.process import LineProcess
from service.api.app import create_app
from service.api.auth import Tokens
from service.api.server import ApiServer, TlsFiles, listen, page_url
from service.logs import logging_to
from service.memory import share_pools
from service.runs.control import RUNS, RunControl
from service.settings import Settings
from service.sink.copier import Copier
from service.store.questions import binning
from service.tokens import TokenFile

STOPPING = "Stopping: finishing what was detected, sealing the files ..."
_TURN_S = 0.05
_SINK_S = 15.0
"""The last rows may take so long to copy."""
_SAME_S = 0.5
"""A terminal and `make` both pass a signal on; what comes within this time is the same request."""


class StopRequest:
    """Set once by Ctrl-C or SIGTERM; a second one ends the process at once.

    Attributes
    ----------
    signal_number
        The signal that came, 0 before.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self._since = 0.0

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal.

        It may come while another one is taken, so nothing here may wait for a lock.
        """
        now = time.monotonic()
        if self.signal_number == 0:
            self.signal_number, self._since = number, now
        elif now - self._since > _SAME_S:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait; return True at once when a stop is asked for."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0.0:
            time.sleep(min(_TURN_S, left))
        return self.asked

    @property
    def asked(self) -> bool:
        """Whether a stop was asked for."""
        return self.signal_number != 0

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, otherwise 0: a service that is told to end ends well."""
        return 130 if self.signal_number == signal.SIGINT else 0


@dataclass(frozen=True)
class Session:
    """A running service.

    Attributes
    ----------
    control
        Starts and stops runs.
    url
        Address of the page, with the token.
    stop
        Whether someone asked for the end.
    server
        Answers requests.
    """

    control: RunControl
    url: str
    stop: StopRequest
    server: ApiServer

    def close(self) -> None:
        """End the run and seal everything, while the last requests are answered; may be called twice."""
        self.server.ask_to_end()
        self.control.close()

    def leave(self, code: int) -> None:
        """End the process, once the service is closed; at once where somebody told it to.

        Python looks through all its objects before it ends, which takes seconds on a busy computer.
        """
        if self.stop.asked:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        click.get_current_context().exit(code)


@contextmanager
def serving(settings: Settings, *, open_page: bool) -> Iterator[Session]:
    """Start the service; on leaving, stop the run, seal everything, and end.

    Parameters
    ----------
    settings
        How the service is set up.
    open_page
        Open the page in a browser.

    Raises
    ------
    AddressInUse
        If the port is taken.
    StorageError
        If the data folder cannot be written to.
    """
    share_pools()
    tls = tls_files(settings)
    listener = listen(settings.host, settings.port)
    with listener, logging_to(settings.log, settings.log_file):
        line = LineProcess(settings)
        line.begin_now()
        tokens = Tokens.make(os.environ.get("LIGHTLINE_TOKEN"), TokenFile(settings.data))
        tokens.keep(settings.data)
        with (
            # Around the control, whose end seals the last rows.
            sink_of(settings) as sink,
            RunControl(settings.data, provider=settings.provider, sink=sink, line=line) as control,
            ApiServer(create_app(control, settings, tokens), listener, tls) as server,
            _signals() as stop,
        ):
            # A search for garbage among all that is there from now on would hold up every answer.
            gc.collect()
            gc.freeze()
            url = page_url(settings.host, server.port, tokens.owner, secure=tls is not None)
            click.echo(f"Lightline is at {url}", err=True)
            # Whoever looks at stored cells first need not wait until the counting is compiled.
            threading.Thread(target=binning.warm, name="lightline-warm", daemon=True).start()
            if open_page:
                webbrowser.open(url)
            session = Session(control, url, stop, server)
            yield session
            session.close()


@contextmanager
def sink_of(settings: Settings) -> Iterator[Copier | None]:
    """Copy rows of all runs where the settings say so; on leaving, the last ones."""
    if settings.sink is None:
        yield None
        return
    sink = Copier(settings.data / RUNS, settings.sink)
    sink.start()
    try:
        yield sink
    finally:
        left = sink.close(_SINK_S)
        if left.behind_rows or left.error:
            reason = f" ({left.error})" if left.error else ""
            click.echo(
                f"{left.behind_rows} rows are not in the sink{reason}; a service on this data folder copies them "
                "later.",
                err=True,
            )


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return the files of the service's certificate, checked; None where it has none."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return TlsFiles(settings.tls_certificate, settings.tls_key).check()


@contextmanager
def _signals() -> Iterator[StopRequest]:
    stop = StopRequest()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
