"""Detection for time-stretched lines (specification B.3)."""

from __future__ import annotations

import cmath
import math

from acquisition.instrument import Instrument, LineView, Role
from acquisition.periodic import PeriodicDetector
from acquisition.settings import DetectionSettings

LARGEST_CELL_UM = 25.0
SMALLEST_OBJECT_UM = 2.0
LEARN_EVERY_S = 200e-6
"""How often the line clock is corrected: a loop of some hundred hertz (specification B.3, step 3)."""
FRAME = 64


def time_stretch_settings(instrument: Instrument) -> DetectionSettings:
    """Derive the detector's settings from the optics: a trigger is a run of lines that differ from empty ones."""
    optics = instrument.time_stretch
    step_um = instrument.flow_speed_m_s * 1e6 / optics.line_rate_hz
    half_window = 1.1 * instrument.grid.field_um / 2 / step_um
    period = instrument.sample_rate_hz / optics.line_rate_hz
    longest = math.ceil(LARGEST_CELL_UM / step_um)
    # Further views show the same bodies again.
    half_view = min(0.5, optics.views[0].width_samples / 2 / period)
    return DetectionSettings(
        score_channel=instrument.columns(Role.LINE)[0],
        nominal_period_ticks=period,
        anchor=_anchor(optics.views, period),
        anchor_is_edge=False,
        active_share=0.05,
        edge_bins=1,
        window_before=half_window,
        window_after=half_window,
        signal_before=0.0,
        signal_after=0.0,
        shortest=max(3, math.floor(SMALLEST_OBJECT_UM / step_um)),
        longest=longest,
        bridge=max(2, round(0.5 / step_um)),
        overlap=instrument.grid.field_um / 2 / step_um,
        calibration=1024,
        step_um=step_um,
        period_um=optics.um_per_sample * period,
        first_phase=0.5 - half_view,
        last_phase=0.5 + half_view,
        frame=FRAME,
        learn_every=min(max(1, round(LEARN_EVERY_S * optics.line_rate_hz / FRAME)), 64),
        relock=250,
        lost=max(256, longest),
    )


def _anchor(views: tuple[LineView, ...], period: float) -> float:
    """Phase of the middle of all light, where the middle of the first view lies at one half.

    Half of the light of a knife-edge view is blocked, and all views have the same envelope.
    """
    light = sum(
        (1.0 if view.edge == "none" else 0.5)
        * view.width_samples
        * cmath.exp(2j * cmath.pi * view.delay_samples / period)
        for view in views
    )
    return (0.5 + cmath.phase(light) / (2 * cmath.pi)) % 1.0


class TimeStretchDetector(PeriodicDetector):
    """Finds cells line by line in the single stream of a line-scan detector."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument, time_stretch_settings(instrument))
