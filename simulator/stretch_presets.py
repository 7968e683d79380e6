"""Simulated time stretches that have a name (specification B, C and G)."""

from __future__ import annotations

from acquisition.presets import instrument_preset
from simulator.cells.flow import Flow
from simulator.electronics.settings import Converter, Detector, Laser
from simulator.optics.settings import Clock, StretchDefects
from simulator.setup import Setup


def stretch_ci() -> Setup:
    """Return a time stretch slow enough for tests."""
    return Setup(
        instrument=instrument_preset("stretch-ci"),
        flow=Flow(cells_per_s=100.0),
        laser=Laser(pulse_noise=0.02),
        clock=Clock(offset_ppm=12.0),
        optics=StretchDefects(),
        detectors=(Detector(photoelectrons=2e5, counts_per_photoelectron=105.0 / 2e5, noise_counts=0.9),),
        converter=Converter(core_offsets_counts=(0.06, -2.38, -0.34, -2.70)),
    )
