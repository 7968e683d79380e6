"""Opening simulations with options as they come from a URL, a command line or code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from acquisition.errors import ConfigError
from acquisition.offers import offering
from acquisition.replay_options import parse_block_samples, parse_speed
from acquisition.source import Source
from simulator.cells.levels import ImageLevel
from simulator.cells.sample import parse_sample
from simulator.cells.specimen import Specimens
from simulator.faults.faulty_source import steady_block, with_faults
from simulator.presets import preset_offers, setup_preset
from simulator.source import Scenario, Simulation
from simulator.stream import Extent

DEFAULT_SAMPLE = "wbc"


@offering(preset_offers)
def open_simulation(
    preset: str,
    *,
    speed: str | float | None = None,
    block_samples: str | int | None = None,
    fault: str = "",
    threads: str | int = 1,
    seed: str | int = 1,
    **options: Any,
) -> Source:
    """Open `sim:PRESET`; options may be numbers or the text of a URL.

    Parameters
    ----------
    preset
        Name of a setup, such as `sheet-ci`.
    speed, block_samples
        As for a replay.
    fault
        Faults of the driver, such as `drop:rate=1e-4`; empty for none.
    threads
        How many threads make the samples, or `all`.
    seed
        The same seed gives the same samples.
    options
        As for `scenario`.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    """
    number = _whole("seed", seed, least=0)
    wanted = scenario(preset, seed=number, **options)
    size = parse_block_samples(block_samples)
    simulation = Simulation(
        wanted,
        speed=parse_speed(speed),
        block_samples=steady_block(wanted.setup.instrument) if fault and size is None else size,
        threads=_threads(threads),
    )
    return with_faults(simulation, fault, number)


def scenario(
    preset: str,
    *,
    sample: str | None = None,
    phantoms: str | None = None,
    pixel_um: str | float | None = None,
    seed: int = 1,
    rate: str | float | None = None,
    cells: str | int | None = None,
    seconds: str | float | None = None,
    level: str = "L0",
    loop: str | float | None = None,
    **settings: Any,
) -> Scenario:
    """Return all that decides the samples of a simulation.

    Parameters
    ----------
    preset
        Name of a setup, such as `sheet-ci`.
    sample
        Populations and shares, such as `wbc:0.97,skno1:0.03`; with phantoms the shares of their labels.
    phantoms, pixel_um
        Real images that flow instead of a sample, and their pixel; see `open_phantoms`.
    rate
        Cells per second; None takes the preset's.
    cells, seconds
        Where the simulation ends; None is without end.
    level
        How side scatter is made, `L0`, `L1` or `L2`.
    loop
        Seconds that are made once and played round and round; `none` makes all as it flows; None takes the preset's.
    settings
        Parts of the setup by their dotted names, such as `flow.debris_per_cell`; see `Setup.changed`.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    """
    for name in settings:
        if "." not in name:
            raise ConfigError(f"The source 'sim:' has no option '{name}'.")
    setup = setup_preset(preset).changed(settings)
    if rate is not None:
        setup = setup.changed({"flow.cells_per_s": _positive("rate", rate)})
    if loop is not None:
        setup = setup.changed({"loop_s": None if loop == "none" else _positive("loop", loop)})
    length_s = None if seconds is None else _positive("seconds", seconds)
    extent = Extent(
        cells=None if cells is None else _whole("cells", cells, least=1),
        samples=None if length_s is None else max(1, round(length_s * setup.instrument.sample_rate_hz)),
    )
    depth = _level(level)
    return Scenario(setup, _specimens(sample, phantoms, pixel_um, depth), seed, extent, depth)


def _specimens(sample: str | None, phantoms: str | None, pixel_um: str | float | None, level: ImageLevel) -> Specimens:
    if phantoms is None:
        if pixel_um is not None:
            raise ConfigError("A pixel_um belongs to phantoms; name them, or leave it out.")
        return parse_sample(DEFAULT_SAMPLE if sample is None else sample, level)
    # Imported here: few simulations need to read pictures.
    from simulator.phantoms import open_phantoms

    if level is ImageLevel.L1:
        raise ConfigError("Nothing is known of the refractive index of real images; use the image level L0.")
    return open_phantoms(Path(phantoms), pixel_um=pixel_um, sample=sample)


def _level(text: str) -> ImageLevel:
    try:
        return ImageLevel(text)
    except ValueError:
        raise ConfigError(f"There is no image level '{text}'; use one of {', '.join(ImageLevel)}.") from None


def _threads(value: str | int) -> int:
    return os.cpu_count() or 1 if value == "all" else _whole("threads", value, least=1)


def _positive(name: str, value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise ConfigError(f"The simulator's {name} must be a number above 0, not '{value}'.")
    return number


def _whole(name: str, value: str | int, least: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise ConfigError(f"The simulator's {name} must be a whole number of at least {least}, not '{value}'.")
    return number
