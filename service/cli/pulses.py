"""`lightline pulses`: the pulses of a trace, as an ordinary flow cytometer finds them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from itertools import chain, islice

import click

from acquisition.errors import ConfigError
from acquisition.pulse import Polarity, Pulse, PulseFlag, PulseSettings
from acquisition.pulse_input import TraceInput, trace_input
from acquisition.pulses import PulseFinder
from service.cli.progress import Progress, progress_bar

Row = dict[str, int | float | str]


@click.command("pulses")
@click.argument("file")
@click.option("--channel", metavar="NAME", help="Channel that triggers; the first one if left out.")
@click.option("--polarity", type=click.Choice([p.value for p in Polarity]), default="positive", show_default=True)
@click.option(
    "--threshold", type=float, default=6.0, show_default=True, help="Where a pulse begins, in sigmas of noise."
)
@click.option("--shortest", type=int, default=3, show_default=True, help="Samples that a pulse has at least.")
@click.option("--longest", type=int, default=4096, show_default=True, help="Samples at which a pulse is cut.")
@click.option("--margin", type=int, default=8, show_default=True, help="Samples on either side that count to its area.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many pulses.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object a line.")
@click.option("--csv", "form", flag_value="csv", help="Print comma-separated values.")
def pulses(
    file: str,
    channel: str | None,
    polarity: str,
    threshold: float,
    shortest: int,
    longest: int,
    margin: int,
    limit: int | None,
    form: str | None,
) -> None:
    """Find the pulses of FILE and print them as a table, a row a pulse.

    FILE is a recording, Lightline's own or another program's, or any source address. There need be no scans and no
    lines in it: baseline and noise are measured between the pulses.
    """
    with trace_input(file) as trace, progress_bar("reading", "samples") as progress:
        lowest = -(1 << (trace.bits - 1))
        finder = PulseFinder(
            len(trace.channels),
            PulseSettings(
                channel=_column(trace.channels, channel),
                polarity=Polarity(polarity),
                on_sigmas=threshold,
                off_sigmas=threshold / 2,
                shortest=shortest,
                longest=longest,
                margin=margin,
                lowest=lowest,
                highest=-lowest - 1,
            ),
        )
        found = (_row(pulse, trace) for pulse in islice(_pulses(finder, trace, progress), limit))
        _print(found, form)
    click.echo(
        f"Baseline {finder.baseline:.6g} counts, noise {finder.noise:.3g} counts, {finder.too_short} crossings were "
        "shorter than a pulse.",
        err=True,
    )


def _column(names: tuple[str, ...], wanted: str | None) -> int:
    if wanted is None:
        return 0
    if wanted not in names:
        raise ConfigError(f"There is no channel '{wanted}'; choose one of {', '.join(names)}.")
    return names.index(wanted)


def _pulses(finder: PulseFinder, trace: TraceInput, progress: Progress) -> Iterator[Pulse]:
    done = 0
    for epoch, tick, samples in trace.pieces:
        yield from finder.push(samples, tick, epoch)
        done += len(samples)
        progress(done, trace.total_samples)
    yield from finder.flush()


def _row(pulse: Pulse, trace: TraceInput) -> Row:
    """Return the figures of a pulse by name; times in seconds, areas in counts x samples, heights in counts."""
    row: Row = {
        "epoch": pulse.epoch,
        "start": pulse.start,
        "stop": pulse.stop,
        "time_s": round(pulse.centre / trace.sample_rate_hz, 12),
        "flags": "+".join((flag.name or "").lower() for flag in PulseFlag if flag in pulse.flags),
    }
    for name, part in zip(trace.channels, pulse.channels, strict=True):
        row[f"{name}_area"] = round(part.area, 3)
        row[f"{name}_height"] = round(part.height, 3)
        row[f"{name}_width"] = round(part.width, 3)
        row[f"{name}_maxima"] = part.maxima
    return row


def _print(rows: Iterator[Row], form: str | None) -> None:
    if form == "json":
        for row in rows:
            click.echo(json.dumps(row))
        return
    first = next(rows, None)
    if first is None:
        click.echo("There are no pulses.", err=True)
        return
    if form == "csv":
        writer = csv.DictWriter(sys.stdout, list(first), lineterminator="\n")
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)
        return
    widths = [max(len(name), 10) for name in first]
    click.echo("  ".join(f"{name:>{width}}" for name, width in zip(first, widths, strict=True)))
    for row in chain((first,), rows):
        click.echo("  ".join(f"{value:>{width}}" for value, width in zip(row.values(), widths, strict=True)))
