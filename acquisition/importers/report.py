"""What is in a foreign file, before anyone has said which instrument recorded it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from acquisition.block import UNKNOWN_LOSS, Samples
from acquisition.importers.foreign import ForeignFile
from acquisition.importers.openers import READERS, open_foreign
from acquisition.inspection import recording_url
from acquisition.origin import Origin
from acquisition.source import split_url

_PIECE_SAMPLES = 1 << 18

Progress = Callable[[int, int], None]
"""Called with the samples done and the samples in all."""


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ForeignChannelReport(_Report):
    """What the samples of a channel are like."""

    name: str
    lowest_counts: int
    highest_counts: int
    mean_counts: float
    rms_counts: float
    """Standard deviation about the mean."""
    lowest_volts: float | None
    """None where the file does not say what a count is."""
    highest_volts: float | None


class ForeignReport(_Report):
    """What is in a foreign file."""

    format: str
    """Scheme of the format."""
    instrument: None = None
    """Nobody has named it yet, so that there are no events, scans or lines in this report."""
    description: str
    origin: Origin
    sample_rate_hz: float
    bits: int
    samples: NonNegativeInt
    """Per channel."""
    duration_s: float
    """Recorded time, gaps not counted."""
    channels: tuple[ForeignChannelReport, ...]
    segments: NonNegativeInt
    """Stretches without a gap."""
    epochs: NonNegativeInt
    """How often the sample clock was started."""
    samples_lost: NonNegativeInt
    """Between the segments, per channel, where the file says how many."""
    losses_of_unknown_size: NonNegativeInt


def inspect_foreign(url_or_path: str, progress: Progress | None = None) -> ForeignReport | None:
    """Look at a foreign file for which no instrument is known; None if there is one, or it is no foreign file.

    Parameters
    ----------
    url_or_path
        A path, or the URL of a source.
    progress
        Called after every piece.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    TraceError
        If the file cannot be read.
    """
    scheme, path, options = split_url(recording_url(url_or_path))
    if scheme not in READERS or "instrument" in options:
        return None
    for option in ("speed", "block_samples"):
        options.pop(option, None)
    foreign = open_foreign(scheme, path, **options)
    try:
        return None if foreign.contents.instrument is not None else _report(foreign, progress)
    finally:
        foreign.close()


def _report(foreign: ForeignFile, progress: Progress | None) -> ForeignReport:
    contents = foreign.contents
    figures = _Figures(len(contents.channels))
    for segment in contents.segments:
        for start in range(0, segment.n_samples, _PIECE_SAMPLES):
            count = min(_PIECE_SAMPLES, segment.n_samples - start)
            figures.add(foreign.read(segment.row + start, count))
            if progress is not None:
                progress(figures.count, contents.n_samples)
    losses = [segment.lost_before for segment in contents.segments]
    return ForeignReport(
        format=contents.format,
        description=contents.description,
        origin=contents.origin,
        sample_rate_hz=contents.sample_rate_hz,
        bits=contents.bits,
        samples=contents.n_samples,
        duration_s=contents.n_samples / contents.sample_rate_hz,
        channels=tuple(
            figures.report(i, channel.name, channel.volts_per_count, channel.volts_offset)
            for i, channel in enumerate(contents.channels)
        ),
        segments=len(contents.segments),
        epochs=len({segment.epoch for segment in contents.segments}),
        samples_lost=sum(loss for loss in losses if loss > 0),
        losses_of_unknown_size=losses.count(UNKNOWN_LOSS),
    )


class _Figures:
    """Sums over the pieces of a file."""

    def __init__(self, columns: int) -> None:
        self.count = 0
        self._lowest = np.full(columns, np.iinfo(np.int64).max)
        self._highest = np.full(columns, np.iinfo(np.int64).min)
        self._sum = np.zeros(columns, np.int64)
        self._squares = np.zeros(columns, np.int64)

    def add(self, samples: Samples) -> None:
        values = samples.astype(np.int64)
        self.count += len(values)
        self._lowest = np.minimum(self._lowest, values.min(axis=0))
        self._highest = np.maximum(self._highest, values.max(axis=0))
        self._sum += values.sum(axis=0)
        self._squares += np.einsum("ij,ij->j", values, values)

    def report(self, column: int, name: str, per_count: float | None, offset: float) -> ForeignChannelReport:
        lowest, highest = int(self._lowest[column]), int(self._highest[column])
        mean = float(self._sum[column] / self.count)
        variance = max(0.0, float(self._squares[column] / self.count) - mean**2)
        return ForeignChannelReport(
            name=name,
            lowest_counts=lowest,
            highest_counts=highest,
            mean_counts=mean,
            rms_counts=variance**0.5,
            lowest_volts=None if per_count is None else per_count * lowest + offset,
            highest_volts=None if per_count is None else per_count * highest + offset,
        )
