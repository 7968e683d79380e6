"""Simulated scanning light sheets that have a name (specification A.3, C and G)."""

from __future__ import annotations

from acquisition.presets import instrument_preset
from simulator.cells.flow import Flow
from simulator.electronics.settings import Converter, Detector, Laser
from simulator.optics.settings import Clock, SheetDefects
from simulator.setup import Setup


def sheet_ci() -> Setup:
    """Return a light sheet slow and clean enough to be simulated and analysed faster than real time."""
    return Setup(
        instrument=instrument_preset("sheet-ci"),
        flow=Flow(cells_per_s=20.0),
        clock=Clock(jitter_s=2e-9),
        optics=SheetDefects(pinhole_transmission_cv=0.05, pinhole_position_um=0.05),
        detectors=(
            Detector(photoelectrons=1500.0, counts_per_photoelectron=1.0, excess_noise=1.2, noise_counts=1.0),
            Detector(photoelectrons=1.5e6, stray=4.0, counts_per_photoelectron=1.0, excess_noise=1.2, noise_counts=1.0),
        ),
    )


_GFP_SHARES = (0.65, 0.62, 0.25, 0.08, 0.03, 0.01)
"""Of the light of GFP, against its brightest, in the first bands of a spectral instrument, read off its spectrum by eye
(an assumption); the bands further to the red have none."""


def sheet_spectral() -> Setup:
    """Return the light sheet of `sheet_ci` with ten bands of fluorescence: GFP shines into six, more or less."""
    simple, instrument = sheet_ci(), instrument_preset("sheet-spectral")
    bands = len(instrument.channels) - len(simple.detectors)
    shares = (*_GFP_SHARES, *(1e-6,) * (bands - len(_GFP_SHARES)))
    return simple.model_copy(
        update={
            "instrument": instrument,
            "detectors": (
                *simple.detectors,
                *(
                    Detector(
                        photoelectrons=6400.0 * share,
                        stray=1.0,
                        counts_per_photoelectron=2.0,
                        excess_noise=1.2,
                        noise_counts=1.0,
                    )
                    for share in shares
                ),
            ),
        }
    )


def sheet_real() -> Setup:
    """Return a light sheet as it is built: four channels, every defect at the middle of its range (A.9 and C).

    Side scatter peaks at 50 to 2000 and fluorescence at 2 to 100 photoelectrons per sample, from the weakest cell to
    the strongest.
    """
    return Setup(
        instrument=instrument_preset("sheet-real"),
        flow=Flow(
            cells_per_s=100.0,
            speed_cv=0.03,
            speed_drift=0.02,
            lateral_x_um=1.2,
            lateral_z_um=1.2,
            doublets=0.02,
            debris_per_cell=5.0,
        ),
        laser=Laser(rin_db_per_hz=-130.0, drift_per_h=0.015),
        clock=Clock(offset_ppm=10.0, drift_ppm_per_s=0.1, jitter_s=2e-9),
        optics=SheetDefects(
            dark_efficiency=0.5,
            pinhole_transmission_cv=0.10,
            pinhole_position_um=0.10,
            stray_structure=0.3,
        ),
        detectors=(
            _photomultiplier(photoelectrons=6000.0, stray=60.0, counts_per_photoelectron=3.0),
            _photomultiplier(photoelectrons=1.9e6, stray=8.0, counts_per_photoelectron=10.0),
            _photomultiplier(photoelectrons=1600.0, stray=1.0, counts_per_photoelectron=20.0),
            # The marker is a voltage: so many electrons that their noise is that of an amplifier.
            Detector(photoelectrons=1e6, counts_per_photoelectron=0.02, bandwidth_hz=10e6, noise_counts=2.0),
        ),
        converter=Converter(enob=12.5, jitter_s=0.3e-12),
    )


def _photomultiplier(photoelectrons: float, stray: float, counts_per_photoelectron: float) -> Detector:
    """Return a tube with its amplifier; figures of the table in C, noise of 3 pA per root hertz at a gain of 1e5."""
    return Detector(
        photoelectrons=photoelectrons,
        stray=stray,
        counts_per_photoelectron=counts_per_photoelectron,
        excess_noise=1.2,
        dark_counts_per_s=100.0,
        after_pulsing=0.003,
        pulse_s=2e-9,
        bandwidth_hz=10e6,
        noise_counts=0.02 * counts_per_photoelectron,
        flicker_corner_hz=10e3,
    )
