"""Detection for the scanning light sheet (specification A.7, steps 1 to 3, and A.8)."""

from __future__ import annotations

import math

from acquisition.event import BINS_PER_TICK
from acquisition.instrument import Instrument, Role
from acquisition.periodic import PeriodicDetector
from acquisition.settings import DetectionSettings

LARGEST_CELL_UM = 25.0
SMALLEST_OBJECT_UM = 2.0
SPEED_SPREAD = 0.1
"""Windows are long enough for cells this much slower than nominal."""


def light_sheet_settings(instrument: Instrument) -> DetectionSettings:
    """Derive the detector's settings from the optics: a trigger is a cell passing the first slit."""
    optics = instrument.light_sheet
    step_um = instrument.flow_speed_m_s * 1e6 / optics.scan.rate_hz
    half_field = instrument.grid.field_um / 2
    slit = optics.slits[0].y_um
    ahead_um = max(half_field, slit - optics.mask.y_um[0] + half_field)
    behind_um = max(half_field, optics.mask.y_um[-1] - slit + half_field)
    stretch = (1 + SPEED_SPREAD) / step_um
    period = instrument.sample_rate_hz / optics.scan.rate_hz
    return DetectionSettings(
        score_channel=instrument.columns(Role.TRANSMISSION)[0],
        nominal_period_ticks=period,
        anchor=0.0,
        anchor_is_edge=True,
        active_share=0.5,
        edge_bins=BINS_PER_TICK,
        window_before=ahead_um * stretch,
        window_after=behind_um * stretch,
        signal_before=ahead_um * stretch,
        signal_after=behind_um * stretch,
        shortest=max(2, math.floor(SMALLEST_OBJECT_UM / step_um)),
        longest=math.ceil(LARGEST_CELL_UM / step_um),
        bridge=max(1, round(1.0 / step_um)),
        overlap=(ahead_um + behind_um) * stretch,
        step_um=step_um,
        period_um=optics.scan.height_um / optics.scan.active_duty,
        first_phase=0.0,
        last_phase=optics.scan.active_duty,
        runs_back=optics.scan.shape == "triangle",
    )


class LightSheetDetector(PeriodicDetector):
    """Finds cells where they dim or brighten the transmission, scan by scan."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument, light_sheet_settings(instrument))
