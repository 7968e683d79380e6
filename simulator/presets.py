"""Simulated instruments that have a name (specification G)."""

from __future__ import annotations

from collections.abc import Callable

from acquisition.errors import ConfigError
from simulator.setup import Setup
from simulator.sheet_presets import sheet_ci, sheet_real
from simulator.stretch_presets import atom_4g, atom_real, stretch_ci

_PRESETS: dict[str, Callable[[], Setup]] = {
    "sheet-real": sheet_real,
    "sheet-ci": sheet_ci,
    "atom-real": atom_real,
    "atom-4g": atom_4g,
    "stretch-ci": stretch_ci,
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
