"""Noise of slopes and phase that the simulated light and electronics of atom-4g should leave, in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from acquisition.event import BINS_PER_TICK, Background, ClockState
from acquisition.instrument import LineView
from reconstruction.time_stretch.views import dark_bins, dark_level
from simulator.electronics.converter import enob_noise
from simulator.electronics.laser import white_noise
from simulator.setup import Setup

SQUARE_UM = 2.0
"""Edge of the squares that the noise of slopes is measured in."""


class PhaseNoise(NamedTuple):
    """Standard deviations in an empty image."""

    slope_rad_per_um: float
    """Of one image of the slope, means of squares of `SQUARE_UM`."""
    phase_rad: float
    """Of the phase."""


def predicted_noise(setup: Setup, background: Background, clock: ClockState) -> PhaseNoise:
    """Predict noise from photoelectrons, laser, amplifier and converter alone, independent from sample to sample.

    The ratio of a sample to its level L has the variance v = var / L^2; there are 1 / a samples an um^2, so that a view
    has the noise density a v, and a slope, of two views, steepest^2 a v / 2. How samples become pixels decides on the
    noise of single pixels, but hardly on that of larger squares, which is the density over their area. A wave of the
    phase is that of the slopes over its angular frequency; the waves of the image add up.
    """
    instrument = setup.instrument
    optics, grid = instrument.time_stretch, instrument.grid
    views = [view for view in optics.views if view.edge != "none"]
    variance = float(np.mean([_relative_variance(setup, background, clock, view) for view in views]))
    um_per_line = instrument.flow_speed_m_s * 1e6 / optics.line_rate_hz
    steepest = 2.0 * math.pi * optics.aperture / (optics.wavelength_nm * 1e-3)
    density = steepest**2 * 0.5 * variance * optics.um_per_sample * um_per_line
    per_um = np.pi * np.arange(grid.size_px) / grid.field_um
    squared = per_um[:, None] ** 2 + per_um[None, :] ** 2
    squared[0, 0] = np.inf
    phase = math.sqrt(density * float((1.0 / squared).sum())) / grid.field_um
    slope = math.sqrt(density) / SQUARE_UM
    return PhaseNoise(slope, phase)


def _relative_variance(setup: Setup, background: Background, clock: ClockState, view: LineView) -> float:
    """Mean variance of a sample's ratio to its level over the field of a view."""
    optics, detector = setup.instrument.time_stretch, setup.detectors[0]
    level = background.level[0] - dark_level(background.level[0], dark_bins(optics, clock.period_ticks))
    half = 0.5 * setup.instrument.grid.field_um / optics.um_per_sample
    middle = 0.5 * clock.period_ticks + view.delay_samples
    bins = np.arange(int((middle - half) * BINS_PER_TICK), int((middle + half) * BINS_PER_TICK))
    light = level[(bins % int(clock.period_ticks * BINS_PER_TICK))]
    laser = white_noise(setup.laser.rin_db_per_hz, setup.instrument.sample_rate_hz)
    converter = enob_noise(setup.instrument.digitizer.bits, setup.converter.enob)
    electronic = detector.noise_counts**2 + converter**2 + 1.0 / 12.0
    shot = detector.excess_noise * detector.counts_per_photoelectron * light
    return float(np.mean((shot + (laser * light) ** 2 + electronic) / light**2))
