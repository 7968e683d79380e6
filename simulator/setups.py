"""What the simulator has to know beyond the instrument: light levels, noise, arrivals (specification C and G)."""

from __future__ import annotations

from dataclasses import dataclass

from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset


@dataclass(frozen=True, slots=True)
class ChannelLight:
    """Light and electronics of one channel.

    Attributes
    ----------
    photoelectrons
        Per sample: of the empty beam (transmission, lines), or per unit of scatter strength (side scatter).
    stray
        Photoelectrons per sample of light that no cell scattered.
    counts_per_photoelectron
        Gain of detector, amplifier and converter together.
    excess_noise
        F: the variance of the charge is F times that of Poisson statistics.
    read_noise_counts
        Standard deviation of what the electronics add.
    """

    photoelectrons: float
    stray: float
    counts_per_photoelectron: float
    excess_noise: float
    read_noise_counts: float


@dataclass(frozen=True, slots=True)
class Setup:
    """An instrument with its light, and how cells come.

    Attributes
    ----------
    channels
        One entry per channel of the instrument.
    cells_per_s
        Mean rate of the Poisson arrivals.
    speed_cv
        Relative spread of the cells' speeds.
    lateral_um
        Standard deviation of a cell's place across the flow, x and z.
    defocus_um
        Distance of the image plane from the axis of the flow, which gives phase its contrast.
    pulse_noise
        Relative spread of the energy of light pulses (time stretch).
    core_offsets_counts
        Offsets of the converter's interleaved cores.
    clock_ppm
        How far the scan or line clock runs beside nominal.
    """

    instrument: Instrument
    channels: tuple[ChannelLight, ...]
    cells_per_s: float
    speed_cv: float
    lateral_um: float
    defocus_um: float
    pulse_noise: float
    core_offsets_counts: tuple[float, ...]
    clock_ppm: float


def _sheet(name: str, counts_per_photoelectron: float, cells_per_s: float) -> Setup:
    return Setup(
        instrument=instrument_preset(name),
        channels=(
            ChannelLight(1500.0, 0.0, counts_per_photoelectron, 1.2, 1.0),
            ChannelLight(120.0, 4.0, counts_per_photoelectron, 1.2, 1.0),
        ),
        cells_per_s=cells_per_s,
        speed_cv=0.02,
        lateral_um=0.7,
        defocus_um=2.0,
        pulse_noise=0.0,
        core_offsets_counts=(0.0,),
        clock_ppm=0.0,
    )


_SETUPS = {
    "sheet-ci": lambda: _sheet("sheet-ci", 1.0, 20.0),
    "stretch-ci": lambda: Setup(
        instrument=instrument_preset("stretch-ci"),
        channels=(ChannelLight(2e5, 0.0, 105.0 / 2e5, 1.0, 0.9),),
        cells_per_s=100.0,
        speed_cv=0.02,
        lateral_um=0.7,
        defocus_um=2.0,
        pulse_noise=0.02,
        core_offsets_counts=(0.06, -2.38, -0.34, -2.70),
        clock_ppm=12.0,
    ),
}


def setup_names() -> list[str]:
    """Presets that can be simulated."""
    return list(_SETUPS)


def setup_preset(name: str) -> Setup:
    """Return the setup of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in _SETUPS:
        raise ConfigError(f"There is no simulator preset '{name}'; use one of {', '.join(_SETUPS)}.")
    return _SETUPS[name]()
