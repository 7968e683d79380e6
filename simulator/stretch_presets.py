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


def atom_real() -> Setup:
    """Return the time stretch of the public ATOM record, with the figures that were measured on it (B.4).

    The peak stands above the converter's end, so that as many samples are clipped as there; the coupling's corner is
    that at which the record's dark level follows the light of its lines; noise and offsets are its dark samples'. The
    light that reaches the detector, the rate of the cells and their places are assumptions. It repeats after 10 ms,
    because 5 GS/s cannot be made as they flow.

    Its pulse is so narrow and steep that unstained white cells change a line by less than empty lines differ from each
    other, on the record as here; droplets and large cells stand out.
    """
    peak, dark = 143.0, (0.06, -2.38, -0.34, -2.70)
    # The coupling takes the mean of the light away, which the offsets as measured in the dark already contain: the
    # mean of the whole record, half of it behind a droplet.
    mean_light = 2.50
    return Setup(
        instrument=instrument_preset("atom-real"),
        flow=Flow(cells_per_s=2000.0, lateral_x_um=1.5, lateral_z_um=1.5),
        laser=Laser(rin_db_per_hz=-140.0, pulse_noise=0.003),
        clock=Clock(offset_ppm=1.0, jitter_s=1e-12),
        optics=StretchDefects(envelope="two-lobed", line_width_samples=0.35),
        detectors=(
            Detector(
                photoelectrons=2e5,
                counts_per_photoelectron=peak / 2e5,
                noise_counts=0.60,
                ac_coupling_hz=3e5,
                undershoot=7.0 / peak,
                undershoot_s=8.2e-9,
            ),
        ),
        converter=Converter(core_offsets_counts=tuple(offset + mean_light for offset in dark), jitter_s=0.3e-12),
        loop_s=0.01,
    )


def atom_4g() -> Setup:
    """Return the multi-view ATOM at 4 GS/s: brightfield and four knife-edge views in every line, 10,000 cells/s.

    Its sampling clock is 1024/3 of the line clock (B.1), so it neither drifts nor slips. It repeats after 9 ms, which
    are whole lines, because 4 GS/s cannot be made as they flow. Light and noise are assumptions.
    """
    return Setup(
        instrument=instrument_preset("atom-4g"),
        flow=Flow(cells_per_s=10_000.0, lateral_x_um=3.0, lateral_z_um=1.5),
        laser=Laser(rin_db_per_hz=-130.0, pulse_noise=0.02),
        clock=Clock(jitter_s=1e-12),
        optics=StretchDefects(line_width_samples=0.35),
        detectors=(Detector(photoelectrons=2e5, counts_per_photoelectron=110.0 / 2e5, noise_counts=0.9),),
        converter=Converter(core_offsets_counts=(0.06, -2.38, -0.34, -2.70), enob=7.0, jitter_s=0.3e-12),
        loop_s=0.009,
    )
