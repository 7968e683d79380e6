"""Simulated instruments that have a name (specification G)."""

from __future__ import annotations

from collections.abc import Callable

from acquisition.errors import ConfigError
from acquisition.offers import Offer
from simulator.setup import Setup
from simulator.sheet_presets import sheet_ci, sheet_real, sheet_spectral
from simulator.stretch_presets import atom_4g, atom_real, stretch_ci

_PRESETS: dict[str, Callable[[], Setup]] = {
    "sheet-real": sheet_real,
    "sheet-ci": sheet_ci,
    "sheet-spectral": sheet_spectral,
    "atom-real": atom_real,
    "atom-4g": atom_4g,
    "stretch-ci": stretch_ci,
}
_IN_WORDS = {
    "sheet-real": "Light sheet as it is built, with every defect of its parts",
    "sheet-ci": "Light sheet that is slow and clean enough to watch on any computer",
    "sheet-spectral": "The same with ten bands of fluorescence, for samples that glow, such as hek-gr",
    "atom-real": "Time stretch of the public ATOM record: one view at 5 GS/s, 10 ms played round and round",
    "atom-4g": "Time stretch with five views at 4 GS/s and 10,000 cells a second, 9 ms played round and round",
    "stretch-ci": "Time stretch that is slow enough to watch on any computer",
}


def preset_names() -> list[str]:
    """Presets that can be simulated."""
    return list(_PRESETS)


def preset_offers() -> list[Offer]:
    """Return the presets for people to choose from."""
    return [Offer(f"sim:{name}", _IN_WORDS[name]) for name in _PRESETS]


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
