"""Simulated instruments that have a name (specification G)."""

from __future__ import annotations

from collections.abc import Callable

from acquisition.errors import ConfigError
from acquisition.presets import instrument_preset
from simulator.cells.flow import Flow
from simulator.electronics.settings import Converter, Detector, Laser
from simulator.optics.settings import Clock, SheetDefects, StretchDefects
from simulator.setup import Setup


def _sheet_ci() -> Setup:
    return Setup(
        instrument=instrument_preset("sheet-ci"),
        flow=Flow(cells_per_s=20.0),
        optics=SheetDefects(),
        detectors=(
            Detector(photoelectrons=1500.0, counts_per_photoelectron=1.0, excess_noise=1.2, noise_counts=1.0),
            Detector(photoelectrons=120.0, stray=4.0, counts_per_photoelectron=1.0, excess_noise=1.2, noise_counts=1.0),
        ),
    )


def _stretch_ci() -> Setup:
    return Setup(
        instrument=instrument_preset("stretch-ci"),
        flow=Flow(cells_per_s=100.0),
        laser=Laser(pulse_noise=0.02),
        clock=Clock(offset_ppm=12.0),
        optics=StretchDefects(),
        detectors=(Detector(photoelectrons=2e5, counts_per_photoelectron=105.0 / 2e5, noise_counts=0.9),),
        converter=Converter(core_offsets_counts=(0.06, -2.38, -0.34, -2.70)),
    )


_PRESETS: dict[str, Callable[[], Setup]] = {
    "sheet-ci": _sheet_ci,
    "stretch-ci": _stretch_ci,
}


def preset_names() -> list[str]:
    """Presets that can be simulated."""
    return list(_PRESETS)


def setup_preset(name: str) -> Setup:
    """Return the setup of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in _PRESETS:
        raise ConfigError(f"There is no simulator preset '{name}'; use one of {', '.join(_PRESETS)}.")
    return _PRESETS[name]()
