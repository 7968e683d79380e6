"""What every reader of a foreign file gives: what the file says of itself, and its samples as signed counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.errors import TraceError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.trace_layout import Segment

MOST_CHANNELS = 64


@dataclass(frozen=True, slots=True)
class ForeignChannel:
    """A channel as the file names it.

    Attributes
    ----------
    name
        Any text.
    volts_per_count, volts_offset
        Volts = volts_per_count * count + volts_offset, of the signed count; None if the file does not say.
    """

    name: str
    volts_per_count: float | None = None
    volts_offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Contents:
    """What a foreign file says of itself.

    Attributes
    ----------
    path
        The file that was named.
    format
        Scheme of the format.
    description
        One line for people.
    sample_rate_hz
        Ticks per second of the sample clock.
    bits
        Resolution of the converter, 2 to 16; up to 8 the samples are int8, beyond int16.
    channels
        In the order of the columns.
    segments
        The stretches without a gap, in order.
    origin
        How real the samples are, where the file says so.
    instrument
        The instrument, where the file carries one.

    Raises
    ------
    TraceError
        If these cannot be the figures of a recording.
    """

    path: Path
    format: str
    description: str
    sample_rate_hz: float
    bits: int
    channels: tuple[ForeignChannel, ...]
    segments: tuple[Segment, ...]
    origin: Origin = Origin.MEASURED
    instrument: Instrument | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sample_rate_hz) and self.sample_rate_hz > 0):
            raise TraceError(f"The file '{self.path}' states a sample rate of {self.sample_rate_hz:g} Hz; correct it.")
        if not 2 <= self.bits <= 16:
            raise TraceError(f"The file '{self.path}' has samples of {self.bits} bits; 2 to 16 can be imported.")
        if not 1 <= len(self.channels) <= MOST_CHANNELS:
            raise TraceError(
                f"The file '{self.path}' has {len(self.channels)} channels; 1 to {MOST_CHANNELS} can be imported."
            )
        if self.n_samples == 0:
            raise TraceError(f"The file '{self.path}' holds no samples; record it again.")

    @property
    def n_samples(self) -> int:
        """Stored samples per channel."""
        return sum(segment.n_samples for segment in self.segments)


class ForeignFile(Protocol):
    """A foreign file, open for reading."""

    @property
    def contents(self) -> Contents:
        """What the file says of itself."""

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` int8 or int16 signed counts from a row on.

        Raises
        ------
        TraceError
            If the file is damaged there.
        """

    def close(self) -> None:
        """Give the file back; may be called twice."""


def signed_counts(stored: npt.NDArray[Any], bits: int, path: Path) -> Samples:
    """Return stored integers as signed counts about 0, in the smallest type that holds `bits`.

    Unsigned ones are offset binary: 0 is the lowest count.

    Raises
    ------
    TraceError
        If a sample is beyond the converter's range, so that `bits` cannot be right.
    """
    half = 1 << (bits - 1)
    unsigned = stored.dtype.kind == "u"
    lowest, highest = (0, 2 * half - 1) if unsigned else (-half, half - 1)
    wider = 8 * stored.dtype.itemsize > bits
    if wider and stored.size and (stored.min() < lowest or stored.max() > highest):
        raise TraceError(
            f"The samples of '{path}' reach from {stored.min()} to {stored.max()}, beyond {bits} bits; state the "
            "resolution that it was recorded with."
        )
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if unsigned:
        # Wraps around on purpose: the same bits are the signed count.
        native = (native - native.dtype.type(half)).view(np.dtype(f"i{native.dtype.itemsize}"))
    return cast("Samples", np.ascontiguousarray(native, np.int8 if bits <= 8 else np.int16))
