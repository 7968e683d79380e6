"""What is not perfect about light, clocks and optics (specification A.4, A.5, A.9, B.4 and B.6)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.setup_part import SetupPart


class Clock(SetupPart):
    """How the scan or line clock runs beside the sample clock."""

    offset_ppm: float = Field(default=0.0, ge=-1e4, le=1e4)
    """How far its rate is from nominal at the start."""
    drift_ppm_per_s: float = Field(default=0.0, ge=-1e3, le=1e3)
    """How fast that changes."""
    jitter_s: float = Field(default=0.0, ge=0)
    """Standard deviation of each scan's or line's start."""
    slips_per_s: float = Field(default=0.0, ge=0)
    """Times at which the phase jumps by a random part of a period."""
    trigger_jitter_samples: int = Field(default=0, ge=0, le=64)
    """Lines shift as a whole by up to so many samples, as when every line is triggered from outside."""


class SheetDefects(SetupPart):
    """What is not perfect about a scanning light sheet."""

    kind: Literal["light_sheet"] = "light_sheet"
    defocus_um: float = 2.0
    """Distance of the forward image plane from the axis of the flow, which gives phase its contrast."""
    flyback_mix: bool = True
    """Between two scans the deflector holds both chirps, and light comes from two heights (specification A.5)."""
    dark_efficiency: float = Field(default=0.03, ge=0, le=1)
    """What the deflector lets through between two scans."""
    pinhole_transmission_cv: float = Field(default=0.0, ge=0, le=0.5)
    """Relative spread of what the pinholes let through."""
    pinhole_position_um: float = Field(default=0.0, ge=0, le=2)
    """Standard deviation of the pinholes' places along the flow."""
    stray_structure: float = Field(default=0.0, ge=0, le=1)
    """Relative height of the pattern that stray light draws along the scan."""


class StretchDefects(SetupPart):
    """What is not perfect about a time stretch."""

    kind: Literal["time_stretch"] = "time_stretch"
    defocus_um: float = 2.0
    """Distance of the image plane from the axis of the flow, which gives phase its contrast."""
    envelope: Literal["broad", "two-lobed"] = "broad"
    """Illumination along the line: broad with soft edges, or the narrow uneven pulse of the real ATOM record (B.4)."""
    envelope_drift_per_min: float = Field(default=0.0, ge=0, le=1)
    """How fast the brightness changes."""
    line_width_samples: float = Field(default=0.0, ge=0)
    """Standard deviation of the detector's impulse response along the line; 0 means sharp."""
    missing_pulses: float = Field(default=0.0, ge=0, le=1)
    """Probability that a pulse is missing."""
    double_pulses: float = Field(default=0.0, ge=0, le=1)
    """Probability that a pulse is followed by a weaker one within its line."""
