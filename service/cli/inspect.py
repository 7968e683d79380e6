"""`lightline inspect`: what is in a recording."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import BaseModel

from acquisition.errors import ConfigError
from acquisition.importers.report import inspect_foreign
from acquisition.inspection import inspect_trace
from acquisition.sketch import Sketch
from service.cli.convert import instrument_option, with_instrument
from service.cli.progress import progress_bar


@click.command("inspect")
@click.argument("file")
@instrument_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--draw",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Draw folded samples, background, clock and the first events into a picture.",
)
def inspect_command(file: str, instrument: str | None, as_json: bool, draw: Path | None) -> None:
    """Say what is in the recording FILE: instrument, rates, gaps, events.

    For a time-stretch record it also finds the number of samples per line. FILE is a Lightline trace, a public ATOM
    record, a recording of another program that 'lightline import' reads, or any source address such as
    sim:sheet-ci?cells=100. Events and clocks are looked for where the instrument is known.
    """
    url = with_instrument(file, instrument)
    with progress_bar("reading", "samples") as progress:
        foreign = inspect_foreign(url, progress)
        if foreign is not None and draw is not None:
            raise ConfigError("A drawing needs to know the instrument of this recording; name it with --instrument.")
        sketch = None if draw is None else Sketch()
        report = foreign or inspect_trace(url, progress, sketch)
    if draw is not None and sketch is not None:
        # Imported here: slow to import, and only a drawing needs it.
        from service.report.inspection_drawing import draw_inspection

        draw_inspection(sketch, draw, report.description)
        click.echo(f"Drew {draw}.", err=True)
    click.echo(report.model_dump_json(indent=1) if as_json else _table(report))


def _table(report: BaseModel) -> str:
    rows: list[tuple[str, str]] = []
    for name, value in report.model_dump(mode="json").items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows += [(f"{name[:-1] if name.endswith('s') else name} {i}", _brief(part)) for i, part in enumerate(value)]
        else:
            rows.append(_quantity(name, value))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.replace('_', ' '):<{width}}  {text}" for name, text in rows if text)


def _quantity(name: str, value: object) -> tuple[str, str]:
    """Name and text of a value; a unit at the end of the name goes behind the number."""
    for suffix, unit in (("_hz", "Hz"), ("_s", "s")):
        if name.endswith(suffix) and isinstance(value, float):
            return name.removesuffix(suffix), f"{_with_prefix(value)}{unit}"
    return name, _brief(value)


def _with_prefix(value: float) -> str:
    """Write a number with an SI prefix, ready for its unit."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ")):
        if abs(value) >= factor:
            return f"{value / factor:.7g} {prefix}"
    return f"{value:.7g} "


def _brief(value: object) -> str:
    if isinstance(value, dict):
        parts = [_quantity(name, part) for name, part in value.items() if part is not None]
        return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in parts)
    if isinstance(value, list):
        return f"{len(value)}" if value and isinstance(value[0], list) else ", ".join(_brief(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.7g}"
    return "" if value is None else str(value)
