"""A source into a trace file, with a bar meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

from acquisition.continuity import Continuity
from acquisition.errors import BadStream, ConfigError, DeviceLost, LightlineError, Overrun
from acquisition.source import Source, blocks
from acquisition.trace import TraceWriter
from service.cli.progress import Progress, progress_bar

_SHOW_EVERY_S = 0.2


def make_room(out: Path, *, force: bool) -> None:
    """Make sure that a file can be written here.

    Raises
    ------
    ConfigError
        If there is one already and `force` does not say to replace it, or there is no such folder.
    """
    if out.exists() and not force:
        raise ConfigError(f"The file '{out}' is there already; choose another name, or replace it with --force.")
    if not out.parent.is_dir():
        raise ConfigError(f"There is no folder '{out.parent}'; make it first.")
    out.unlink(missing_ok=True)


def write_trace(source: Source, out: Path, cells: int | None, *, doing: str = "simulating") -> str:
    """Write all that a source gives, with its truth; return what was written as the beginning of a sentence.

    Samples that come twice are written once. An overrun or a lost device ends the file, which stays readable.

    Parameters
    ----------
    source
        Open, not started, and with an end.
    out
        A file that does not exist.
    cells
        After how many cells the source ends, to show progress with; None shows samples.
    doing
        What the progress bar says.

    Raises
    ------
    LightlineError
        If nothing could be written; then there is no file.
    """
    writer = TraceWriter(out, source.instrument, origin=source.origin, description=source.description)
    try:
        with writer, progress_bar(doing, "cells" if cells else "samples") as progress:
            ended = _write(source, writer, progress, cells)
            truth = source.truth()
            if truth is not None:
                writer.set_truth(truth)
    except LightlineError:
        if writer.samples_written == 0:
            out.unlink(missing_ok=True)
        raise
    return f"Wrote {writer.samples_written} samples of {source.description} to {out}{ended}"


def _write(source: Source, writer: TraceWriter, progress: Progress, cells: int | None) -> str:
    """Write every block; return why the source ended before its time, if it did."""
    continuity, shown_s = Continuity(source.instrument), 0.0
    try:
        for block in blocks(source):
            writer.append(continuity.admit(block))
            if time.monotonic() - shown_s < _SHOW_EVERY_S:
                continue
            shown_s = time.monotonic()
            if cells is None:
                progress(writer.samples_written, source.total_samples)
            else:
                progress(_passed(source), cells)
    except (Overrun, DeviceLost, BadStream) as error:
        return f"; it ended early: {str(error).removesuffix('.')}"
    return ""


def _passed(source: Source) -> int:
    truth = source.truth()
    return 0 if truth is None else len(truth["cell"])
