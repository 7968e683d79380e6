"""What is known of the flow speed of one cell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt


class SpeedSource(StrEnum):
    """How the speed of a cell was measured; in order of preference (specification A.7, step 4)."""

    TWO_SLITS = "two_slits"
    COMB = "comb"
    NOMINAL = "nominal"


@dataclass(frozen=True, slots=True)
class SpeedFit:
    """Straight line through the passages of a cell at slits and pinholes.

    Attributes
    ----------
    speed_um_per_tick, error_um_per_tick
        Speed and its standard error; the error is infinite where there was nothing to fit.
    start_tick
        When the cell passes y = 0.
    residual_um
        Weighted scatter of the passages about the line.
    source
        How it was measured.
    residuals_um
        `(n_pinholes,)`, how far downstream of its expected place the cell was at each pinhole; NaN where it was not
        seen. Empty where the speed is nominal.
    """

    speed_um_per_tick: float
    error_um_per_tick: float
    start_tick: float
    residual_um: float
    source: SpeedSource = SpeedSource.COMB
    residuals_um: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def nominal_speed(speed_um_per_tick: float, slit_tick: float, slit_y_um: float) -> SpeedFit:
    """Return the nominal speed, which has no known error, for a cell that passes a slit at `slit_tick`."""
    start = slit_tick - slit_y_um / speed_um_per_tick
    return SpeedFit(speed_um_per_tick, math.inf, start, math.inf, SpeedSource.NOMINAL, np.zeros(0))
