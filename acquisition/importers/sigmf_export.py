"""Write any source that ends as a SigMF recording: one capture a stretch without a gap, cells as annotations."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acquisition.detection import detector_for
from acquisition.disk import explain
from acquisition.errors import ConfigError
from acquisition.importers.sigmf_layout import DATA_SUFFIX, meta_path
from acquisition.importers.sigmf_writer import SigmfWriter
from acquisition.source import Source, blocks

Progress = Callable[[int, int], None]
"""Called with the samples done and the samples in all."""


@dataclass(frozen=True, slots=True)
class SigmfExport:
    """What was written.

    Attributes
    ----------
    meta, data
        The two files.
    samples, captures, events
        Samples per channel, stretches without a gap, and events that were annotated.
    """

    meta: Path
    data: Path
    samples: int
    captures: int
    events: int


def export_sigmf(source: Source, path: Path, progress: Progress | None = None) -> SigmfExport:
    """Write the samples of a source, and where its events are, as SigMF.

    Samples that come twice are written once. An export that fails leaves no files.

    Parameters
    ----------
    source
        Open, not started, and with an end.
    path
        Base name, or the name of the `.sigmf-meta` file; neither file may exist.
    progress
        Called after every block.

    Raises
    ------
    ConfigError
        If the source is endless, or a file exists or cannot be written.
    TraceError
        If the recording is damaged.
    """
    total = source.total_samples
    if total is None:
        raise ConfigError("Only a recording can be exported; this source has no end.")
    meta = meta_path(path)
    data = meta.with_suffix(DATA_SUFFIX)
    for file in (meta, data):
        if file.exists():
            raise ConfigError(f"The file '{file}' is there already; choose another name.")
    detector = detector_for(source.instrument)
    written = False
    try:
        with data.open("xb") as stream:
            writer = SigmfWriter(source.instrument, source.origin, source.description, stream)
            for delivered in blocks(source):
                block = writer.add(delivered)
                if block.n_samples:
                    writer.note(detector.push(block))
                if progress is not None:
                    progress(writer.rows, total)
        writer.note(detector.flush())
        with meta.open("x", encoding="utf-8") as text:
            json.dump(writer.meta(), text, indent=1)
        written = True
    except OSError as error:
        raise ConfigError(f"The recording '{meta}' cannot be written: {explain(error)}.") from None
    finally:
        if not written:
            _remove(data, meta)
    return SigmfExport(meta, data, writer.rows, len(writer.segments), len(writer.events))


def _remove(*files: Path) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()
