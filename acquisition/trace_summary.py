"""What a trace file says about itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from acquisition.origin import Origin
from acquisition.replay import Recording
from acquisition.trace_layout import TRACE_FORMAT


class TraceSummary(BaseModel):
    """The description and the size of a recording; nothing in it needs the samples to be read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: str
    instrument: str
    """Name of the instrument."""
    kind: str
    """`light_sheet` or `time_stretch`."""
    description: str
    origin: Origin
    """Whether the samples were measured, made from real images, or simulated throughout."""
    complete: bool
    """False if the file is still being written, or its writer was killed."""
    sample_rate_hz: float
    bits: int
    channels: tuple[str, ...]
    samples: NonNegativeInt
    """Stored samples per channel."""
    duration_s: float
    """Length of what is stored, gaps not counted."""
    epochs: NonNegativeInt
    """How often the sample clock was started."""
    gaps: NonNegativeInt
    """Places where samples are missing."""
    samples_lost: NonNegativeInt
    """Samples per channel known to be missing."""
    losses_of_unknown_size: NonNegativeInt
    samples_omitted: NonNegativeInt = 0
    """Samples per channel left out by choice, where only event windows were recorded."""
    true_cells: NonNegativeInt | None
    """Cells that the truth lists; None if there is no truth."""
    files: tuple[str, ...] = ()
    """Names of the files of the recording."""
    missing_files: tuple[str, ...] = ()
    """Names of the files that should stand beside these and do not."""


def summary_of(
    recording: Recording,
    complete: bool,
    true_cells: int | None,
    files: tuple[str, ...] = (),
    missing_files: tuple[str, ...] = (),
) -> TraceSummary:
    """Summarise a recording from its instrument and its segments."""
    segments, instrument = recording.segments(), recording.instrument
    losses = [segment.lost_before for segment in segments]
    return TraceSummary(
        format=TRACE_FORMAT,
        instrument=instrument.name,
        kind=instrument.kind,
        description=recording.description,
        origin=recording.origin,
        complete=complete,
        sample_rate_hz=instrument.sample_rate_hz,
        bits=instrument.digitizer.bits,
        channels=tuple(channel.name for channel in instrument.channels),
        samples=recording.n_samples,
        duration_s=recording.n_samples / instrument.sample_rate_hz,
        epochs=len({segment.epoch for segment in segments}),
        gaps=sum(loss != 0 for loss in losses),
        samples_lost=sum(loss for loss in losses if loss > 0),
        losses_of_unknown_size=sum(loss < 0 for loss in losses),
        samples_omitted=sum(segment.omitted_before for segment in segments),
        true_cells=true_cells,
        files=files,
        missing_files=missing_files,
    )
