"""Write any source that ends as a SigMF recording: one capture a stretch without a gap, cells as annotations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.continuity import Continuity
from acquisition.detection import detector_for
from acquisition.disk import explain
from acquisition.errors import ConfigError
from acquisition.event import Event, EventFlag
from acquisition.importers.sigmf_layout import DATA_SUFFIX, SIGMF_VERSION, meta_path
from acquisition.source import Source, blocks
from acquisition.trace_layout import Segment

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
    export = _Export(source)
    written = False
    try:
        with data.open("xb") as stream:
            for block in blocks(source):
                export.add(block, stream)
                if progress is not None:
                    progress(export.rows, total)
        with meta.open("x", encoding="utf-8") as text:
            json.dump(export.meta(), text, indent=1)
        written = True
    except OSError as error:
        raise ConfigError(f"The recording '{meta}' cannot be written: {explain(error)}.") from None
    finally:
        if not written:
            _remove(data, meta)
    return SigmfExport(meta, data, export.rows, len(export.segments), len(export.events))


def _remove(*files: Path) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()


@dataclass
class _Export:
    """What was written so far."""

    source: Source
    rows: int = 0
    segments: list[Segment] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._continuity = Continuity(self.source.instrument)
        self._detector = detector_for(self.source.instrument)
        self._hash = hashlib.sha512()
        self._lost = 0

    def add(self, delivered: Block, stream: BinaryIO) -> None:
        block = self._continuity.admit(delivered)
        unknown = UNKNOWN_LOSS in (self._lost, block.lost_before)
        self._lost = UNKNOWN_LOSS if unknown else self._lost + block.lost_before
        if block.n_samples == 0:
            return
        stored = np.ascontiguousarray(block.data, block.data.dtype.newbyteorder("<"))
        stream.write(stored.data)
        self._hash.update(stored.data)
        self._place(block)
        self._note(self._detector.push(block))

    def _place(self, block: Block) -> None:
        last = self.segments[-1] if self.segments else None
        row, self.rows = self.rows, self.rows + block.n_samples
        goes_on = last is not None and (last.epoch, last.end_sample) == (block.epoch, block.first_sample)
        if last is None or not goes_on or self._lost:
            self.segments.append(Segment(row, block.n_samples, block.first_sample, block.epoch, self._lost))
        else:
            longer = last.n_samples + block.n_samples
            self.segments[-1] = Segment(last.row, longer, last.first_sample, last.epoch, last.lost_before)
        self._lost = 0

    def _note(self, events: Sequence[Event]) -> None:
        for event in events:
            row = self._row(event.epoch, event.trigger_tick - event.duration_ticks / 2)
            if row is not None:
                flags = [flag.name.lower() for flag in EventFlag(event.flags) if flag.name]
                self.events.append(
                    {
                        "core:sample_start": row,
                        "core:sample_count": max(1, min(round(event.duration_ticks), self.rows - row)),
                        "core:label": "event",
                        "core:generator": "lightline",
                        "core:comment": ", ".join(flags) or "no flags",
                    }
                )

    def _row(self, epoch: int, tick: float) -> int | None:
        """Return the row of the first stored sample at or after a tick."""
        for segment in reversed(self.segments):
            if segment.epoch == epoch and tick >= segment.first_sample:
                return segment.row + min(segment.n_samples - 1, int(tick) - segment.first_sample)
        return next((segment.row for segment in self.segments if segment.epoch == epoch), None)

    def meta(self) -> dict[str, Any]:
        """End the export and return its description."""
        self._note(self._detector.flush())
        instrument = self.source.instrument
        return {
            "global": {
                "core:datatype": "ri8" if instrument.digitizer.dtype == np.int8 else "ri16_le",
                "core:version": SIGMF_VERSION,
                "core:sample_rate": instrument.sample_rate_hz,
                "core:num_channels": len(instrument.channels),
                "core:sha512": self._hash.hexdigest(),
                "core:description": self.source.description,
                "core:hw": instrument.name,
                "core:recorder": "lightline",
                "core:extensions": [{"name": "lightline", "version": "1.0.0", "optional": True}],
                "lightline:instrument": json.loads(instrument.to_json()),
                "lightline:origin": self.source.origin.value,
                "lightline:bits": instrument.digitizer.bits,
            },
            "captures": self._captures(),
            "annotations": sorted(self.events, key=lambda event: int(event["core:sample_start"])),
        }

    def _captures(self) -> list[dict[str, Any]]:
        # A clock that starts again would take the index back; the stream as a whole only goes on.
        bases = [0]
        for before, after in pairwise(self.segments):
            bases.append(bases[-1] if before.epoch == after.epoch else bases[-1] + before.end_sample)
        return [
            {
                "core:sample_start": segment.row,
                "core:global_index": base + segment.first_sample,
                "lightline:first_sample": segment.first_sample,
                "lightline:epoch": segment.epoch,
                "lightline:lost_before": segment.lost_before,
            }
            for segment, base in zip(self.segments, bases, strict=True)
        ]
