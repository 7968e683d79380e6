"""Simulated scanning light sheets that have a name (specification A.3, C and G)."""

from __future__ import annotations

from acquisition.presets import instrument_preset
from simulator.cells.flow import Flow
from simulator.electronics.settings import Detector
from simulator.optics.settings import SheetDefects
from simulator.setup import Setup


def sheet_ci() -> Setup:
    """Return a light sheet slow and clean enough to be simulated and analysed faster than real time."""
    return Setup(
        instrument=instrument_preset("sheet-ci"),
        flow=Flow(cells_per_s=20.0),
        optics=SheetDefects(),
        detectors=(
            Detector(photoelectrons=1500.0, counts_per_photoelectron=1.0, excess_noise=1.2, noise_counts=1.0),
            Detector(photoelectrons=120.0, stray=4.0, counts_per_photoelectron=1.0, excess_noise=1.2, noise_counts=1.0),
        ),
    )
