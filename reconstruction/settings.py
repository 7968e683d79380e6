"""What a laboratory chooses of how events become images and cells."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from reconstruction.gate import GateSettings
from reconstruction.time_stretch.modes import LineMode


class ImageSettings(BaseModel):
    """Settings of a transform; all of them are part of the pipeline id, and kept with a run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    gate: GateSettings = GateSettings()
    """When an event is a cell that can be judged."""
    lines: LineMode = LineMode.FULL
    """How the lines of a time stretch are made into images; a light sheet does not ask."""
