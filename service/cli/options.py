"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from pydantic import ByteSize, TypeAdapter, ValidationError

from acquisition.trace_files import FILE_BYTES, LEAST_FILE_BYTES
from reconstruction.gate import GateSettings
from reconstruction.time_stretch.modes import LineMode
from service.cli.setting_options import Command, config_option, setting_option
from service.settings import Settings


class FileSize(click.ParamType[int]):
    """A number of bytes with a unit, such as 500MB or 4GiB; see `pydantic.ByteSize`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes; says what a size looks like where this is none."""
        try:
            size = int(TypeAdapter(ByteSize).validate_python(value))
        except ValidationError:
            self.fail(f"'{value}' is no size; write a number with a unit, such as 500MB or 4GiB.", param, ctx)
        if size < LEAST_FILE_BYTES:
            self.fail(f"'{value}' is too small; a file has at least {LEAST_FILE_BYTES >> 20}MiB.", param, ctx)
        return size


class Threshold(click.ParamType[tuple[str, str]]):
    """A threshold of the gate, such as `farthest_um=3`."""

    name = "threshold"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return name and value; says which names there are where this is none."""
        name, equals, number = str(value).partition("=")
        if not equals or name not in GateSettings.model_fields:
            known = ", ".join(GateSettings.model_fields)
            self.fail(f"'{value}' is no threshold of the gate; write NAME=NUMBER with one of {known}.", param, ctx)
        return name, number


def speed_option(default: str, default_help: str) -> Callable[[Command], Command]:
    """Return the option `--speed`; `default_help` says what happens without it."""
    return click.option(
        "--speed",
        default=default,
        metavar="X|max",
        help=f"Pace against real time: 1 as recorded, 2 twice as fast, max as fast as it can be worked on "
        f"(default: {default_help}).",
    )


def stack(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Join options into one decorator; they appear in the help in the order given."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


data_options = stack(config_option(), setting_option("data"))

service_settings = stack(config_option(), *(setting_option(name) for name in Settings.model_fields))

service_options = stack(
    service_settings,
    click.option("--open/--no-open", "open_page", default=False, help="Open the page in a browser."),
)

run_options = stack(
    click.option("--name", default="", help="What you call the run, e.g. its sample."),
    click.option("--hold", is_flag=True, help="Arm the run, and begin when you press Enter or start it from the page."),
    click.option("--cells", type=click.IntRange(min=1), help="Stop after this many stored cells."),
    click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this much sample time."),
    click.option(
        "--record",
        is_flag=False,
        flag_value="full",
        default="none",
        type=click.Choice(["none", "full", "windows"]),
        help="Keep the raw samples as well, to replay them later: all of them (full, also without a value), or only "
        "the windows of events (windows).",
    ),
    click.option(
        "--file-size",
        "file_bytes",
        type=FileSize(),
        default=FILE_BYTES,
        metavar="SIZE",
        help="Go on in another file where one of the recording has this size, e.g. 500MB or 4GiB (default: 4GB).",
    ),
    click.option("--bundle", help="Model to use: a shipped name or a bundle file (default: the one shipped)."),
    click.option(
        "--refit",
        is_flag=True,
        help="Fit the clusters again to the run's own cells as they flow, each staying who it is (default: frozen).",
    ),
    click.option(
        "--restarts",
        type=click.IntRange(min=0),
        help="How often to start a digitizer that overran again (default: as often as it then runs for a second).",
    ),
    click.option(
        "--lines",
        default=LineMode.FULL.value,
        type=click.Choice([mode.value for mode in LineMode]),
        help="How the lines of a time stretch are made into images: full, the most accurate; simple, the fastest; or "
        "line_interleave (default: full).",
    ),
    click.option(
        "--gate",
        type=Threshold(),
        multiple=True,
        metavar="NAME=NUMBER",
        help="When an event is a cell that can be judged, e.g. least_sharpness_per_um=0.3; may be given several times.",
    ),
    click.option(
        "--channel",
        "channels",
        multiple=True,
        metavar="NAME",
        help="Images to make and measure beside those that a model looks at, e.g. phase; may be given several times.",
    ),
    click.option("--exit", "exit_when_done", is_flag=True, help="End when the run has ended, instead of serving on."),
    click.option("--json", "as_json", is_flag=True, help="Print the finished run as JSON on stdout, and nothing else."),
)
