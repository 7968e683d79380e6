"""LeCroy oscilloscope files (`.trc`): a WAVEDESC block, the times of the triggers, and the samples as integers.

Read by hand rather than by a library: those in use turn the whole file into float volts, and a recording is counts,
read in pieces.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from acquisition.errors import TraceError
from acquisition.importers.flat_file import FlatFile
from acquisition.importers.foreign import Contents, ForeignChannel
from acquisition.importers.stored import StoredSamples, interleaved
from acquisition.source import existing_file
from acquisition.trace_layout import Segment

_MARK = b"WAVEDESC"
_MARK_WITHIN = 50
_DESCRIPTION_BYTES = 346
_TEMPLATE = b"LECROY_2_"


class LecroyFile(FlatFile):
    """One channel of an oscilloscope, a single sweep or a sequence of them, open for reading.

    A sequence is one segment a trigger, at the time of its first sample. Volts = gain * count - offset (source: the
    waveform template 2.2 and 2.3 of LeCroy, whose WAVEDESC block is the same).

    Raises
    ------
    TraceError
        If the file is missing, damaged, of another kind, or a header without samples.
    """

    def __init__(self, path: str) -> None:
        self._path = existing_file(path)
        beginning = _beginning(self._path)
        place = beginning.find(_MARK, 0, _MARK_WITHIN)
        header = beginning[place : place + _DESCRIPTION_BYTES] if place >= 0 else b""
        if not header[16:].startswith(_TEMPLATE):
            raise TraceError(f"The file '{self._path}' is no LeCroy waveform; save it as a binary .trc file.")
        if len(header) < _DESCRIPTION_BYTES:
            raise TraceError(f"The file '{self._path}' ends within its header; copy it again.")
        self._header = header
        self._order = "<" if header[34:36] == b"\x01\x00" else ">"
        wide = self._integer(32, "H") == 1
        n_samples, n_segments = self._integer(116, "i"), max(1, self._integer(144, "i"))
        lengths = [self._integer(at, "i") for at in (36, 40, 48)]
        interval_s, gain, offset_v = self._number(176, "f"), self._number(156, "f"), self._number(160, "f")
        data_bytes = self._integer(60, "i")
        size = self._path.stat().st_size
        if min(lengths) < 0 or place + sum(lengths) >= size or data_bytes <= 0:
            raise TraceError(f"The file '{self._path}' is a header without samples; save the waveform again.")
        if not (interval_s > 0 and gain > 0 and n_samples > 0 and n_samples % n_segments == 0):
            raise TraceError(
                f"The header of '{self._path}' states {n_samples} samples in {n_segments} segments, one every "
                f"{interval_s:g} s, {gain:g} V each, which cannot be; save the waveform again."
            )
        if n_samples * (2 if wide else 1) > data_bytes:
            raise TraceError(f"The header of '{self._path}' contradicts itself; save the waveform again.")
        dtype = interleaved(f"{self._order}i{2 if wide else 1}", 1)
        times_at = place + lengths[0] + lengths[1]
        times_s = self._trigger_times(times_at, lengths[2], n_segments)
        scope = header[76:92].split(b"\0")[0].decode("ascii", errors="replace")
        # The interval has 24 bits; the clocks of these scopes are round numbers.
        rate_hz = float(f"{1 / interval_s:.6g}")
        stored = StoredSamples(self._path, dtype, offset_bytes=place + sum(lengths), n_rows=n_samples)
        super().__init__(
            self._path,
            stored,
            lambda: Contents(
                path=self._path,
                format="lecroy",
                description=f"LeCroy waveform {self._path.name} of {scope or 'an oscilloscope'}",
                sample_rate_hz=rate_hz,
                bits=16 if wide else 8,
                channels=(ForeignChannel(self._channel_name(), gain, -offset_v),),
                segments=_segments(times_s * rate_hz, n_samples // n_segments),
            ),
        )

    def _integer(self, at: int, code: str) -> int:
        return int(struct.unpack_from(f"{self._order}{code}", self._header, at)[0])

    def _number(self, at: int, code: str) -> float:
        return float(struct.unpack_from(f"{self._order}{code}", self._header, at)[0])

    def _channel_name(self) -> str:
        source = self._integer(344, "H")
        return f"C{source + 1}" if source < 4 else "channel 0"

    def _trigger_times(self, at: int, length: int, n_segments: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Seconds from the first trigger to the first sample of every segment, `(n_segments,)`."""
        if n_segments == 1:
            return np.zeros(1)
        if length < 16 * n_segments:
            raise TraceError(f"The sequence '{self._path}' lacks the times of its triggers; save it again.")
        with self._path.open("rb") as file:
            file.seek(at)
            pairs = np.frombuffer(file.read(16 * n_segments), f"{self._order}f8").reshape(-1, 2)
        times = pairs.sum(axis=1)
        if not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise TraceError(f"The triggers of the sequence '{self._path}' are out of order; save it again.")
        return np.asarray(times - times[0])


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MARK_WITHIN + _DESCRIPTION_BYTES)
    except OSError as error:
        raise TraceError(f"The file '{path}' cannot be read: {error.strerror}; check its permissions.") from None


def _segments(first_ticks: np.ndarray[tuple[int], np.dtype[np.float64]], length: int) -> tuple[Segment, ...]:
    """Place segments of `length` samples at the ticks nearest to where they began."""
    segments: list[Segment] = []
    for i, tick in enumerate(first_ticks):
        end = segments[-1].end_sample if segments else 0
        # Rounding may make neighbours overlap by a sample.
        first = max(end, round(float(tick)))
        segments.append(Segment(row=i * length, n_samples=length, first_sample=first, lost_before=first - end))
    return tuple(segments)
