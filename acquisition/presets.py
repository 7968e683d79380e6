"""Instruments that have a name (specification G); every figure can be changed in an instrument file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from acquisition.errors import ConfigError
from acquisition.instrument import (
    Channel,
    Digitizer,
    Instrument,
    LightSheet,
    LineView,
    Mask,
    Role,
    Scan,
    Slit,
    TimeStretch,
)

_TRANSMISSION = Channel(name="transmission", role=Role.TRANSMISSION)
SPECTRAL_BANDS_NM = tuple(range(500, 800, 30))
"""Centres of the bands that ten photomultipliers behind dichroics share the fluorescence into."""


def _light_sheet(
    name: str, *, sample_rate_hz: float, bits: int, scan: Scan, flow_speed_m_s: float, channels: tuple[Channel, ...]
) -> Instrument:
    return Instrument(
        name=name,
        digitizer=Digitizer(sample_rate_hz=sample_rate_hz, bits=bits),
        channels=channels,
        flow_speed_m_s=flow_speed_m_s,
        optics=LightSheet(
            scan=scan,
            mask=Mask.staggered(count=20, x_pitch_um=1.0, y_pitch_um=20.0, size_um=1.0),
            slits=(Slit(y_um=0.0, width_um=1.0),),
            wavelength_nm=488.0,
            sheet_waist_um=1.0,
            side_aperture=0.28,
            forward_aperture=0.42,
        ),
    )


_GRADIENT_VIEWS: tuple[tuple[str, Literal["none", "+x", "-x", "+y", "-y"]], ...] = (
    ("brightfield", "none"),
    ("rising_x", "+x"),
    ("falling_x", "-x"),
    ("rising_y", "+y"),
    ("falling_y", "-y"),
)
"""Names and knife edges of the views of multi-ATOM, in the order of their delays."""


def _time_stretch(
    name: str,
    *,
    sample_rate_hz: float,
    line_rate_hz: float,
    flow_speed_m_s: float,
    um_per_sample: float,
    views: tuple[LineView, ...],
) -> Instrument:
    return Instrument(
        name=name,
        digitizer=Digitizer(sample_rate_hz=sample_rate_hz, bits=8, interleave_cores=4),
        channels=(Channel(name="line", role=Role.LINE),),
        flow_speed_m_s=flow_speed_m_s,
        optics=TimeStretch(
            line_rate_hz=line_rate_hz,
            um_per_sample=um_per_sample,
            views=views,
            wavelength_nm=1064.0,
            aperture=0.66,
        ),
    )


_PRESETS: dict[str, Callable[[], Instrument]] = {
    # One slit: the comb of the pinholes measures the speed well enough, and a second slit would need a detector of its
    # own, as two pulses of every cell in one transmission channel would count as two cells (A.7, steps 3 and 4).
    "sheet-real": lambda: _light_sheet(
        "sheet-real",
        sample_rate_hz=30e6,
        bits=16,
        scan=Scan(rate_hz=200e3, height_um=20.0, active_duty=0.9, a2=0.02, a3=0.005, efficiency_roll_off=0.2),
        flow_speed_m_s=0.2,
        channels=(
            _TRANSMISSION,
            Channel(name="side_scatter", role=Role.SIDE_SCATTER, delay_s=20e-9),
            Channel(name="gfp", role=Role.FLUORESCENCE, wavelength_nm=520.0, delay_s=20e-9),
            Channel(name="scan_marker", role=Role.SCAN_MARKER),
        ),
    ),
    "sheet-ci": lambda: _light_sheet(
        "sheet-ci",
        sample_rate_hz=5e6,
        bits=12,
        scan=Scan(rate_hz=50e3, height_um=20.0, active_duty=0.9, efficiency_roll_off=0.2),
        flow_speed_m_s=0.05,
        channels=(_TRANSMISSION, Channel(name="side_scatter", role=Role.SIDE_SCATTER)),
    ),
    "sheet-spectral": lambda: _light_sheet(
        "sheet-spectral",
        sample_rate_hz=5e6,
        bits=12,
        scan=Scan(rate_hz=50e3, height_um=20.0, active_duty=0.9, efficiency_roll_off=0.2),
        flow_speed_m_s=0.05,
        channels=(
            _TRANSMISSION,
            Channel(name="side_scatter", role=Role.SIDE_SCATTER),
            *(Channel(name=f"band_{nm}", role=Role.FLUORESCENCE, wavelength_nm=nm) for nm in SPECTRAL_BANDS_NM),
        ),
    ),
    # The record of B.4: 55 lines of 0.3 m/s / 18.1475 MHz are as long as one sample is wide.
    "atom-real": lambda: _time_stretch(
        "atom-real",
        sample_rate_hz=5e9,
        line_rate_hz=5e9 / 275.5195,
        flow_speed_m_s=0.3,
        um_per_sample=55.0 * 0.3 / (5e9 / 275.5195) * 1e6,
        views=(LineView(width_samples=20.75),),
    ),
    # Brightfield and four knife-edge views share a line of 341 1/3 samples (B.1). Delays and widths are a choice: views
    # of 37 um, 8 samples apart, and a longer dark stretch after the last, which tells the first from the others.
    "atom-4g": lambda: _time_stretch(
        "atom-4g",
        sample_rate_hz=12.08e6 * 1024 / 3,
        line_rate_hz=12.08e6,
        flow_speed_m_s=1.0,
        um_per_sample=1 / 1.4,
        views=tuple(
            LineView(name=name, edge=edge, delay_samples=60.0 * k, width_samples=52.0)
            for k, (name, edge) in enumerate(_GRADIENT_VIEWS)
        ),
    ),
    "stretch-ci": lambda: _time_stretch(
        "stretch-ci",
        sample_rate_hz=100e6,
        line_rate_hz=290e3,
        flow_speed_m_s=0.025,
        um_per_sample=0.25,
        views=(LineView(width_samples=80.0),),
    ),
}


def instrument_preset(name: str) -> Instrument:
    """Return the instrument of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in _PRESETS:
        raise ConfigError(f"There is no instrument preset '{name}'; use one of {', '.join(_PRESETS)}.")
    return _PRESETS[name]()
