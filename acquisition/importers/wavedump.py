"""Binary files of CAEN's WaveDump: one file a channel, one record a trigger."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.errors import ConfigError, TraceError
from acquisition.importers.foreign import Contents, ForeignChannel, signed_counts
from acquisition.importers.stored import StoredSamples
from acquisition.importers.wavedump_models import Digitizer, digitizer_of
from acquisition.source import existing_file
from acquisition.trace_layout import Segment

_NAME = re.compile(r"wave(\d+)\.dat")
_HEADER = np.dtype(
    [("size", "<u4"), ("board", "<u4"), ("pattern", "<u4"), ("channel", "<u4"), ("count", "<u4"), ("tag", "<u4")]
)
_TAG_PERIOD = 1 << 31
"""The highest bit of a time tag says that it has overflowed, and does not count."""
_LARGEST_RECORD_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class _Channel:
    name: str
    stored: StoredSamples
    heads: npt.NDArray[np.void]


class WaveDumpFile:
    """The records of `wave0.dat`, `wave1.dat`, ... of one folder, which belong together; any of them names them all.

    Every record becomes a segment at its trigger's time tag. The record that an interrupted transfer left incomplete is
    left out and named in the description. Source: WaveDump's manual (UM2091), binary output with headers.

    Parameters
    ----------
    path
        One of the files.
    model
        Number of the digitizer's family, such as 751; None reads it from `WaveDumpConfig.txt` beside the file.
    sample_rate_hz, bits
        In place of the model's, for a digitizer that decimates or is not known here.

    Raises
    ------
    ConfigError
        If the digitizer is not known.
    TraceError
        If a file is missing, damaged, without record headers, or of other triggers than its neighbours.
    """

    def __init__(
        self,
        path: str,
        model: str | int | None = None,
        sample_rate_hz: str | float | None = None,
        bits: str | int | None = None,
    ) -> None:
        self._path = existing_file(path)
        digitizer = digitizer_of(self._path, model, sample_rate_hz, bits)
        self._channels: list[_Channel] = []
        try:
            for file in _siblings(self._path):
                self._channels.append(_open_channel(file, digitizer))
            self._contents = self._checked(digitizer)
        except (TraceError, ConfigError):
            self.close()
            raise

    @property
    def contents(self) -> Contents:
        """What the files and their configuration say."""
        return self._contents

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` counts, signed about the middle of the range, from a row on.

        Raises
        ------
        TraceError
            If a file was cut short meanwhile, or its samples exceed the converter's range.
        """
        length = self._record_samples
        first, last = start_row // length, -(-(start_row + n_samples) // length)
        columns: list[npt.NDArray[Any]] = []
        for channel in self._channels:
            values = channel.stored.read(first, last - first)["samples"].reshape(-1)
            columns.append(values[start_row - first * length :][:n_samples])
        return signed_counts(np.stack(columns, axis=1), self._contents.bits, self._path)

    def close(self) -> None:
        """Close the files; may be called twice."""
        for channel in self._channels:
            channel.stored.close()

    def _checked(self, digitizer: Digitizer) -> Contents:
        first = self._channels[0]
        for other in self._channels[1:]:
            same = len(other.heads) == len(first.heads)
            if not same or any((other.heads[key] != first.heads[key]).any() for key in ("size", "count", "tag")):
                raise TraceError(
                    f"The channels '{first.name}' and '{other.name}' of '{self._path.parent}' hold different triggers; "
                    "put the files of one recording into a folder of their own."
                )
        self._record_samples = (int(first.heads["size"][0]) - _HEADER.itemsize) // digitizer.sample_bytes
        left_out = max(channel.stored.bytes_left_out for channel in self._channels)
        ending = f" ({left_out} bytes of an incomplete record left out)" if left_out else ""
        return Contents(
            path=self._path,
            format="wavedump",
            description=f"WaveDump records {self._path.parent.name}/{first.name}{ending}",
            sample_rate_hz=digitizer.sample_rate_hz,
            bits=digitizer.bits,
            channels=tuple(ForeignChannel(channel.name) for channel in self._channels),
            segments=_segments(first.heads, self._record_samples, digitizer),
        )


def _siblings(path: Path) -> list[Path]:
    """Files of the same recording in the order of their channels."""
    if not _NAME.fullmatch(path.name):
        return [path]
    found = [(int(match[1]), file) for file in path.parent.iterdir() if (match := _NAME.fullmatch(file.name))]
    return [file for _, file in sorted(found)]


def _open_channel(path: Path, digitizer: Digitizer) -> _Channel:
    beginning = StoredSamples(path, _HEADER)
    try:
        heads = beginning.read(0, 1)
    finally:
        beginning.close()
    size = int(heads["size"][0]) if len(heads) else 0
    body = size - _HEADER.itemsize
    if not 0 < body <= _LARGEST_RECORD_BYTES or body % digitizer.sample_bytes:
        raise TraceError(
            f"The file '{path}' is no WaveDump record with headers; record it with OUTPUT_FILE_FORMAT BINARY and "
            "OUTPUT_FILE_HEADER YES."
        )
    samples = np.dtype((digitizer.sample_dtype, (body // digitizer.sample_bytes,)))
    stored = StoredSamples(path, np.dtype([("head", _HEADER), ("samples", samples)]))
    try:
        if stored.n_rows == 0:
            raise TraceError(f"The file '{path}' ends within its first record; copy it again.")
        # Mapped, so that only the heads of a long file are read.
        records = np.memmap(path, stored.dtype, mode="r", shape=(stored.n_rows,))
        heads = np.array(records["head"])
        if (heads["size"] != size).any():
            raise TraceError(
                f"The file '{path}' is damaged: its record {int(np.argmax(heads['size'] != size))} is of another "
                "length; copy it again."
            )
    except TraceError:
        stored.close()
        raise
    return _Channel(path.name.removesuffix(".dat"), stored, heads)


def _segments(heads: npt.NDArray[np.void], length: int, digitizer: Digitizer) -> tuple[Segment, ...]:
    """Place every record at its time tag; a counter that went back has overflowed once."""
    tags = heads["tag"].astype(np.int64) % _TAG_PERIOD
    tags += _TAG_PERIOD * np.concatenate([[0], np.cumsum(np.diff(tags) < 0)])
    ticks = (tags - tags[0]) * digitizer.tag_s * digitizer.sample_rate_hz
    segments: list[Segment] = []
    for i, tick in enumerate(ticks.tolist()):
        end = segments[-1].end_sample if segments else 0
        # Tags are coarser than samples, so that records end to end may seem to overlap.
        first = max(end, math.floor(tick))
        segments.append(Segment(row=i * length, n_samples=length, first_sample=first, lost_before=first - end))
    return tuple(segments)
