"""`lightline import` and `lightline export-sigmf`: recordings of other programs into ours, and ours into SigMF."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import click

from acquisition.errors import ConfigError
from acquisition.importers.sigmf_export import export_sigmf
from acquisition.inspection import recording_url
from acquisition.source import open_source, split_url
from service.cli.progress import progress_bar
from service.cli.write_trace import make_room, write_trace

instrument_option = click.option(
    "--instrument",
    metavar="PRESET|FILE",
    help="Instrument that made the recording, where it does not say: a preset such as sheet-real, or a JSON file.",
)


def with_instrument(file: str, instrument: str | None) -> str:
    """Return the URL of a recording, to be read as made by an instrument."""
    url = recording_url(file)
    if instrument is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'instrument': instrument})}"


@click.command("import")
@click.argument("file")
@click.option("--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Trace to write.")
@instrument_option
@click.option("--force", is_flag=True, help="Replace the trace if it is there.")
def import_command(file: str, out: Path, instrument: str | None, force: bool) -> None:
    """Write the recording FILE of another program as a Lightline trace, with its gaps.

    FILE is raw binary with a JSON file beside it, SigMF, TDMS, an SBench6 export, a LeCroy .trc, WaveDump's wave0.dat,
    a public ATOM record, or a source address with options such as wavedump:wave0.dat?model=751.
    """
    url = with_instrument(file, instrument)
    with open_source(url) as source:
        if source.total_samples is None:
            raise ConfigError("Only a recording can be imported; this source has no end.")
        _require_other(split_url(url)[1], out)
        make_room(out, force=force)
        click.echo(f"{write_trace(source, out, None, doing='importing')}.", err=True)


@click.command("export-sigmf")
@click.argument("file")
@click.option(
    "--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Name of the .sigmf-meta file."
)
@instrument_option
def export_sigmf_command(file: str, out: Path, instrument: str | None) -> None:
    """Write the recording FILE as SigMF: one capture a stretch without a gap, one annotation an event."""
    if not out.parent.is_dir():
        raise ConfigError(f"There is no folder '{out.parent}'; make it first.")
    with open_source(with_instrument(file, instrument)) as source, progress_bar("exporting", "samples") as progress:
        done = export_sigmf(source, out, progress)
    click.echo(
        f"Wrote {done.samples} samples in {done.captures} captures, with {done.events} events, to {done.meta} "
        f"and {done.data}.",
        err=True,
    )


def _require_other(file: str, out: Path) -> None:
    """Refuse to write over what is being read."""
    if out.exists() and Path(file).exists() and out.samefile(file):
        raise ConfigError(f"'{out}' is the recording itself; choose another name.")
