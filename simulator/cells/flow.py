"""How cells come: rates, speeds and places (specification A.8 and A.9)."""

from __future__ import annotations

from pydantic import Field

from simulator.setup_part import SetupPart


class Flow(SetupPart):
    """The stream of cells and of what comes with them; rates are means of Poisson arrivals."""

    cells_per_s: float = Field(gt=0)
    """Cells of the sample."""
    speed_cv: float = Field(default=0.02, ge=0, le=0.2)
    """Relative spread of the cells' speeds about the speed of the flow at that time."""
    speed_drift: float = Field(default=0.0, ge=0, le=0.2)
    """Relative amplitude of the flow's slow change of speed; 0 means none."""
    speed_drift_s: float = Field(default=60.0, gt=0)
    """Period of that change."""
    lateral_x_um: float = Field(default=0.7, ge=0)
    """Standard deviation of the cells' places along the light."""
    lateral_z_um: float = Field(default=0.7, ge=0)
    """Standard deviation of the cells' places along the scan, or along the optical axis of a time stretch."""
    doublets: float = Field(default=0.0, ge=0, le=1)
    """Share of arrivals that are two cells sticking together."""
    debris_per_cell: float = Field(default=0.0, ge=0)
    """Pieces of debris for every cell."""
    bubbles_per_s: float = Field(default=0.0, ge=0)
    """Air bubbles, which saturate every channel."""
