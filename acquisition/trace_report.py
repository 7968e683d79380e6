"""The report of an inspection, as it stands in JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from acquisition.instrument import Role
from acquisition.origin import Origin


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ChannelReport(_Report):
    """What the samples of a channel are like; None where there are none."""

    name: str
    role: Role
    lowest_counts: int | None = None
    highest_counts: int | None = None
    mean_counts: float | None = None
    rms_counts: float | None = None
    """Standard deviation about the mean."""
    clipped_fraction: float | None = None
    """Share of the samples that are at the ends of the converter's range."""


class GapReport(_Report):
    """A place where samples are missing."""

    epoch: NonNegativeInt
    first_sample: NonNegativeInt
    """Tick of the first sample after the gap."""
    lost: int
    """Samples per channel; -1 means unknown."""


class ClockReport(_Report):
    """The scan or line clock at the end of the recording."""

    period_ticks: float
    """Samples per scan or line."""
    rate_hz: float
    """Scans or lines per second."""
    locked: bool
    jitters: bool
    """Whether scans or lines jitter so much about the clock that each is scored at a shift of its own."""


class EventReport(_Report):
    """What detection finds with its standard settings."""

    count: NonNegativeInt
    rate_hz: float
    """Events per second of recorded time."""
    flags: dict[str, NonNegativeInt]
    """Events by flag; an event may have several, `none` has those without."""


class TraceReport(_Report):
    """What is in a recording."""

    format: str
    """`lightline-trace/1`, or the scheme of the source."""
    instrument: str
    kind: str
    """`light_sheet` or `time_stretch`."""
    description: str
    origin: Origin
    """Whether the samples were measured, made from real images, or simulated throughout."""
    sample_rate_hz: float
    bits: int
    samples: NonNegativeInt
    """Per channel."""
    duration_s: float
    """Recorded time, gaps not counted."""
    channels: tuple[ChannelReport, ...]
    epochs: NonNegativeInt
    """How often the sample clock was started."""
    gap_count: NonNegativeInt
    samples_lost: NonNegativeInt
    """Per channel, where the source knows how many."""
    losses_of_unknown_size: NonNegativeInt
    samples_omitted: NonNegativeInt = 0
    """Per channel, left out by choice where only event windows were recorded."""
    gaps: tuple[GapReport, ...]
    """The first thousand."""
    clock: ClockReport | None
    """None if no scan or line clock was found."""
    samples_per_line: float | None
    """Time stretch only."""
    line_rate_hz: float | None
    samples_per_scan: float | None
    """Light sheet only."""
    scan_rate_hz: float | None
    events: EventReport
    true_cells: NonNegativeInt | None
    """Cells that the truth lists; None if nothing is known."""
