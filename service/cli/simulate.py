"""`lightline simulate`: write a recording of a simulated instrument. The only module that knows the simulator."""

from __future__ import annotations

import time
from pathlib import Path

import click

from acquisition.errors import ConfigError
from acquisition.source import Source, blocks
from acquisition.trace import TraceWriter
from service.cli.progress import Progress, progress_bar
from simulator.options import DEFAULT_SAMPLE, open_simulation

_SHOW_EVERY_S = 0.2


@click.command()
@click.argument("preset")
@click.option("--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option("--cells", type=click.IntRange(min=1), help="End after this many cells have passed.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after this much time.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same samples.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Cells per second (default: the preset's).")
@click.option(
    "--sample",
    default=DEFAULT_SAMPLE,
    show_default=True,
    help="What flows: a population, or shares such as lymphocyte:0.5,monocyte:0.5.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def simulate(
    preset: str,
    out: Path,
    cells: int | None,
    seconds: float | None,
    seed: int,
    rate: float | None,
    sample: str,
    force: bool,
) -> None:
    """Write a recording of the simulated instrument PRESET (sheet-ci or stretch-ci).

    The file holds the raw samples as the instrument would give them, and beside them the truth: which cell passed
    when. Play it with 'lightline replay', look into it with 'lightline inspect'.
    """
    if cells is None and seconds is None:
        raise ConfigError("A simulation has no end of its own; say how much with --cells or --seconds.")
    with open_simulation(preset, sample=sample, seed=seed, rate=rate, cells=cells, seconds=seconds) as source:
        _make_room(out, force=force)
        wanted = cells if cells is not None and seconds is None else None
        with progress_bar("simulating", "cells" if wanted else "samples") as progress:
            written = _record(source, out, progress, wanted)
    click.echo(f"Wrote {written} samples of {source.description} to {out}.", err=True)


def _make_room(out: Path, *, force: bool) -> None:
    if out.exists() and not force:
        raise ConfigError(f"The file '{out}' is there already; choose another name, or replace it with --force.")
    if not out.parent.is_dir():
        raise ConfigError(f"There is no folder '{out.parent}'; make it first.")
    out.unlink(missing_ok=True)


def _record(source: Source, out: Path, progress: Progress, cells: int | None) -> int:
    with TraceWriter(out, source.instrument, origin=source.origin, description=source.description) as writer:
        shown_s = 0.0
        for block in blocks(source):
            writer.append(block)
            if time.monotonic() - shown_s < _SHOW_EVERY_S:
                continue
            shown_s = time.monotonic()
            if cells is None:
                progress(block.end_sample, source.total_samples)
            else:
                progress(_passed(source), cells)
        truth = source.truth()
        if truth is not None:
            writer.set_truth(truth)
    return writer.samples_written


def _passed(source: Source) -> int:
    truth = source.truth()
    return 0 if truth is None else len(truth["cell"])
