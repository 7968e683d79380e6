"""`lightline run` and `lightline replay`: acquire, and watch it in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from acquisition.errors import ConfigError
from acquisition.file_kind import guess_url
from acquisition.inspection import recording_url
from acquisition.replay_options import parse_speed
from service.cli.acquire import acquire
from service.cli.options import run_options, service_options, speed_option
from service.cli.session import serving
from service.cli.setting_options import settings_from
from service.run import RunRequest

_FIELDS = ("name", "hold", "cells", "seconds", "record", "file_bytes", "bundle", "refit", "restarts")
"""Options that are called as the fields of a request."""


def make_request(source: str, speed: str, options: dict[str, Any]) -> RunRequest:
    """Take what a run request needs out of the options, and return the request.

    Raises
    ------
    ConfigError
        If a value does not make sense.
    """
    fields = {name: options.pop(name) for name in _FIELDS}
    images = {"gate": dict(options.pop("gate")), "lines": options.pop("lines")}
    try:
        return RunRequest(
            source=source, speed=parse_speed(speed), images=images, channels=options.pop("channels"), **fields
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(str(part) for part in first["loc"] if part != "images")
        raise ConfigError(f"The option '{place}' is not valid: {first['msg']}.") from None


def _acquire(source: str, speed: str, *, exit_when_done: bool, as_json: bool, open_page: bool, **options: Any) -> None:
    request = make_request(source, speed, options)
    with serving(settings_from(options), open_page=open_page) as session:
        code = acquire(session, request, exit_when_done=exit_when_done, as_json=as_json)
    session.leave(code)


@click.command()
@click.argument("source", default="sim:sheet-ci")
@run_options
@speed_option("", "real time, or max with --exit")
@service_options
def run(source: str, speed: str, exit_when_done: bool, **options: Any) -> None:
    """Acquire cells from SOURCE and show them live in a browser.

    SOURCE is where the samples come from: a simulated instrument (sim:sheet-ci, sim:stretch-ci), a recording
    (a file), a public ATOM record (atom:FILE), or an instrument on the network (tcp://HOST:PORT). Without it, a
    light-sheet cytometer with white blood cells is simulated.

    \b
    Examples:
      lightline run                                 watch simulated cells
      lightline run sim:stretch-ci --cells 500      500 cells of the other instrument
      lightline run recording.h5 --exit --json      work on a recording, print what became of it
    """  # noqa: D301 - click wants the backspace character itself
    # Someone who watches wants to see cells flow; someone who waits wants the end.
    pace = speed or ("max" if exit_when_done else "1")
    _acquire(recording_url(source), pace, exit_when_done=exit_when_done, **options)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@run_options
@speed_option("1", "1")
@service_options
def replay(file: Path, speed: str, **options: Any) -> None:
    """Play the recording FILE again, as if the instrument were running.

    The samples walk the same way as live ones, so what you see is what an acquisition would have shown. FILE is a
    Lightline trace or a public ATOM record.
    """
    _acquire(guess_url(str(file)), speed, **options)
