"""SigMF as it is written: one capture a stretch without a gap, events as annotations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.continuity import Continuity
from acquisition.event import Event, EventFlag
from acquisition.importers.sigmf_layout import SIGMF_VERSION
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.trace_layout import Segment


class SigmfWriter:
    """Writes samples to a stream as they come, and remembers what the `.sigmf-meta` file has to say of them.

    Parameters
    ----------
    instrument, origin, description
        Of the samples, in the words of `Source`.
    stream
        The `.sigmf-data` file.
    """

    def __init__(self, instrument: Instrument, origin: Origin, description: str, stream: BinaryIO) -> None:
        self._instrument = instrument
        self._origin = origin
        self._description = description
        self._stream = stream
        self._continuity = Continuity(instrument)
        self._hash = hashlib.sha512()
        self._lost = 0
        self.rows = 0
        """Samples per channel written."""
        self.segments: list[Segment] = []
        """Stretches without a gap."""
        self.events: list[dict[str, Any]] = []
        """Annotations."""

    def add(self, delivered: Block) -> Block:
        """Write a block, and return the part of it that was new; raises `BadStream` as `Continuity` does."""
        block = self._continuity.admit(delivered)
        unknown = UNKNOWN_LOSS in (self._lost, block.lost_before)
        self._lost = UNKNOWN_LOSS if unknown else self._lost + block.lost_before
        if block.n_samples == 0:
            return block
        stored = np.ascontiguousarray(block.data, block.data.dtype.newbyteorder("<"))
        self._stream.write(stored.data)
        self._hash.update(stored.data)
        self._place(block)
        return block

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

    def note(self, events: Sequence[Event]) -> None:
        """Annotate events that lie in samples that were written."""
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
        """Return the content of the `.sigmf-meta` file."""
        instrument = self._instrument
        return {
            "global": {
                "core:datatype": "ri8" if instrument.digitizer.dtype == np.int8 else "ri16_le",
                "core:version": SIGMF_VERSION,
                "core:sample_rate": instrument.sample_rate_hz,
                "core:num_channels": len(instrument.channels),
                "core:sha512": self._hash.hexdigest(),
                "core:description": self._description,
                "core:hw": instrument.name,
                "core:recorder": "lightline",
                "core:extensions": [{"name": "lightline", "version": "1.0.0", "optional": True}],
                "lightline:instrument": json.loads(instrument.to_json()),
                "lightline:origin": self._origin.value,
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
