"""`lightline calibrate`: from beads to an instrument file."""

from __future__ import annotations

import contextlib
import re
from importlib.metadata import version
from pathlib import Path

import click

from acquisition.detection import detector_for
from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset
from acquisition.source import Source, blocks, open_source
from reconstruction.calibration.collect import BeadCalibration, Calibrated
from reconstruction.calibration.report import CalibrationReport, MeasuredValue
from service.cli.convert import with_instrument
from service.cli.progress import Progress, progress_bar
from service.clock import utc


@click.command("calibrate")
@click.argument("source")
@click.option("--beads", "size", required=True, metavar="SIZE", help="Diameter of the beads, such as 3um.")
@click.option(
    "--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Instrument file to write."
)
@click.option(
    "--instrument",
    metavar="PRESET|FILE",
    help="Instrument to start from, instead of the one in the recording: a preset, or a JSON file.",
)
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many beads.")
def calibrate(
    source: str, size: str, out: Path, instrument: str | None, report: Path | None, limit: int | None
) -> None:
    """Measure a light sheet with the beads in SOURCE and write its instrument file.

    SOURCE is a recording or any source address. Beads of one size should fill the whole core, so that they pass every
    pinhole and every height of the scan. Ctrl-C ends the measurement, and what was seen until then counts. The report
    stands beside the instrument file unless --report names a folder.
    """
    bead_um = _diameter_um(size)
    folder = report or out.with_suffix(".calibration")
    files = (out, folder / "report.json", folder / "report.png")
    _refuse_existing(files)
    with open_source(with_instrument(source, None)) as opened, progress_bar("measuring", "beads") as progress:
        collected = BeadCalibration(_start_from(instrument, opened), bead_um)
        with contextlib.suppress(KeyboardInterrupt):
            _collect(opened, collected, limit, progress)
        found = collected.finish()
        written = _report(source, opened, collected, found)
    _write(files, found, written)
    click.echo(_table(found.values))
    click.echo(f"Wrote {out} and {folder}; {written.beads} of {written.events} events were beads to measure.", err=True)


def _diameter_um(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:um|µm|μm)?", text.strip())
    if match is None or float(match[1]) <= 0:
        raise ConfigError(f"'{text}' is no diameter of beads; write it in micrometres, such as 3um.")
    return float(match[1])


def _refuse_existing(files: tuple[Path, ...]) -> None:
    for file in files:
        if file.exists():
            raise ConfigError(f"'{file}' exists and is never overwritten; choose another name, or move it away.")
    if not files[0].parent.is_dir():
        raise ConfigError(f"There is no folder '{files[0].parent}'; make it first.")


def _start_from(wanted: str | None, source: Source) -> Instrument:
    if wanted is None:
        return source.instrument
    path = Path(wanted)
    start = Instrument.from_json(path.read_bytes()) if path.is_file() else instrument_preset(wanted)
    names, rate = [c.name for c in source.instrument.channels], source.instrument.sample_rate_hz
    if [c.name for c in start.channels] != names or start.sample_rate_hz != rate:
        raise ConfigError(
            f"The instrument '{start.name}' has other channels or another sample rate than the recording; use one with "
            f"the channels {', '.join(names)} at {rate:g} samples a second."
        )
    return start


def _collect(source: Source, collected: BeadCalibration, limit: int | None, progress: Progress) -> None:
    """Measure bead after bead until the source ends, or there are enough."""
    detector = detector_for(collected.instrument)
    for block in blocks(source):
        for event in detector.push(block):
            collected.add(event)
        progress(len(collected.beads), limit)
        if limit is not None and len(collected.beads) >= limit:
            return
    for event in detector.flush():
        collected.add(event)


def _report(name: str, source: Source, collected: BeadCalibration, found: Calibrated) -> CalibrationReport:
    told = any(value.field == "optics.scan.a2" and value.value is not None for value in found.values)
    height_um = found.instrument.light_sheet.scan.height_um
    return CalibrationReport(
        source=name,
        origin=source.origin.value,
        made=utc().isoformat(timespec="seconds"),
        version=version("lightline"),
        bead_um=collected.bead_um,
        events=collected.events,
        flagged=collected.flagged,
        unfit=collected.unfit,
        beads=len(collected.beads),
        values=found.values,
        passage_residual_um=found.mask.residual_um,
        height_error_um=found.sweep.height_error_um(height_um) if told else None,
        widths=found.widths,
        counts_per_photoelectron=dict(found.counts_per_photoelectron),
        empty_scans=found.empty_scans,
    )


def _write(files: tuple[Path, ...], found: Calibrated, written: CalibrationReport) -> None:
    """Write report, picture and, last, the instrument; each under its name only once it is whole."""
    # Imported here: only this command draws with it, and it takes a second to load.
    from reconstruction.calibration.pictures import draw_report

    out, text, picture = files
    text.parent.mkdir(parents=True, exist_ok=True)
    part = picture.with_name(picture.name + ".part")
    draw_report(found, written, part)
    _put(part, picture)
    for path, content in ((text, written.model_dump_json(indent=1)), (out, found.instrument.model_dump_json(indent=1))):
        part = path.with_name(path.name + ".part")
        part.write_text(content + "\n", encoding="utf-8")
        _put(part, path)


def _put(part: Path, path: Path) -> None:
    """Give a whole file its name, if nobody else has taken it."""
    if path.exists():
        part.unlink()
        raise ConfigError(f"'{path}' appeared meanwhile and is never overwritten; choose another name.")
    part.rename(path)


def _table(values: tuple[MeasuredValue, ...]) -> str:
    width = max(len(value.field) for value in values)
    lines = [f"{'':<{width}}  {'before':>12}  {'measured':>12}  {'error':>10}"]
    for value in values:
        measured = "-" if value.value is None else f"{value.value:.5g}"
        error = "-" if value.error is None else f"{value.error:.2g}"
        kept = "" if value.written else f"  kept as before: {value.note}"
        lines.append(f"{value.field:<{width}}  {value.before:>12.5g}  {measured:>12}  {error:>10} {value.unit}{kept}")
    return "\n".join(lines)
