"""Any recording or source as pieces of a trace, with or without an instrument that made it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from acquisition.block import Samples
from acquisition.importers.foreign import ForeignFile
from acquisition.importers.openers import READERS, open_foreign
from acquisition.inspection import recording_url
from acquisition.source import Source, blocks, open_source, split_url

_PIECE_SAMPLES = 1 << 16

Piece = tuple[int, int, Samples]
"""Epoch, tick of the first sample, and `(n, n_channels)` samples."""


@dataclass(frozen=True, slots=True)
class TraceInput:
    """A trace to be read once.

    Attributes
    ----------
    channels
        Names of the columns, each another.
    sample_rate_hz
        Ticks per second.
    bits
        Resolution of the converter.
    total_samples
        Per channel; None if unknown or endless.
    pieces
        The samples, in order. A gap is where the tick jumps or the epoch changes.
    """

    channels: tuple[str, ...]
    sample_rate_hz: float
    bits: int
    total_samples: int | None
    pieces: Iterator[Piece]


@contextmanager
def trace_input(url_or_path: str) -> Iterator[TraceInput]:
    """Open a trace; a recording of another program needs no instrument.

    Parameters
    ----------
    url_or_path
        A path, or the URL of a source.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    TraceError
        If the file cannot be read.
    """
    url = recording_url(url_or_path)
    scheme, path, options = split_url(url)
    if scheme in READERS and "instrument" not in options:
        # Pace and blocks belong to a replay; here the file is read as fast as it goes.
        foreign = open_foreign(
            scheme, path, **{name: value for name, value in options.items() if name not in ("speed", "block_samples")}
        )
        try:
            contents = foreign.contents
            names = _distinct([channel.name for channel in contents.channels])
            yield TraceInput(
                names, contents.sample_rate_hz, contents.bits, contents.n_samples, _pieces_of_file(foreign)
            )
        finally:
            foreign.close()
        return
    with open_source(url) as source:
        instrument = source.instrument
        names = tuple(channel.name for channel in instrument.channels)
        yield TraceInput(
            names, instrument.sample_rate_hz, instrument.digitizer.bits, source.total_samples, _pieces_of_source(source)
        )


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Return names with the number of their column behind those that stand for several columns."""
    return tuple(f"{name}_{k}" if names.count(name) > 1 else name for k, name in enumerate(names))


def _pieces_of_file(foreign: ForeignFile) -> Iterator[Piece]:
    for segment in foreign.contents.segments:
        for start in range(0, segment.n_samples, _PIECE_SAMPLES):
            count = min(_PIECE_SAMPLES, segment.n_samples - start)
            yield segment.epoch, segment.first_sample + start, foreign.read(segment.row + start, count)


def _pieces_of_source(source: Source) -> Iterator[Piece]:
    for block in blocks(source):
        yield block.epoch, block.first_sample, block.data
