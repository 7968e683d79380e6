"""What a trace file says about itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from acquisition.origin import Origin


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
    true_cells: NonNegativeInt | None
    """Cells that the truth lists; None if there is no truth."""
