"""A Spectrum card for tests: the vendor's own package, over a stand-in for its driver that is compiled here."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset
from acquisition.source import Source, open_source

DRIVER_NAME = "libspcm_linux.so"
CODE = Path(__file__).with_name("spectrum_driver") / "standin.c"
DEVICE = "/dev/spcm0"

_SETTINGS = [
    "present",
    "bits",
    "inputs",
    "least_hz",
    "most_hz",
    "serial",
    "demo",
    "clock_modes",
    "conversions",
    "rate_step_hz",
    "bytes_per_s",
    "memory_bytes",
    "idle_after",
    "idle_waits",
    "overrun_after",
    "vanish_after",
    "clock_unlocked",
    "tail_frames",
    "gone_now",
    "end_after",
    "waits_seen",
    "starts_seen",
    "transfers_seen",
    "opens_seen",
    "closes_seen",
]


class Settings(ctypes.Structure):
    """What the card is, what goes wrong with it, and what it has seen; the order is that of the C code."""

    _fields_ = [(name, ctypes.c_int64) for name in _SETTINGS]


def compiled_driver(folder: Path) -> Path:
    """Compile the stand-in, or skip the test where nothing compiles C."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler to build the stand-in for the driver with")
    library = folder / DRIVER_NAME
    command = [compiler, "-shared", "-fPIC", "-O2", f"-Wl,-soname,{DRIVER_NAME}", "-o", str(library), str(CODE)]
    subprocess.run(command, check=True, capture_output=True)
    return library


@cache
def loaded_driver(folder: Path) -> ctypes.CDLL:
    """Load the stand-in into this process; a later load of the driver by its name finds it, as the names are equal."""
    driver = ctypes.CDLL(str(compiled_driver(folder)), mode=ctypes.RTLD_GLOBAL)
    pytest.importorskip("spcm", reason="the extra 'spectrum' is not installed")
    return driver


class Card:
    """The card behind the stand-in; `card.overrun_after = 3` makes it overrun after three blocks."""

    driver: ctypes.CDLL
    settings: Settings

    def __init__(self, driver: ctypes.CDLL) -> None:
        object.__setattr__(self, "driver", driver)
        object.__setattr__(self, "settings", Settings.in_dll(driver, "standin"))
        self.reset()

    def reset(self) -> None:
        """Make the card as new."""
        self.driver.standin_reset()

    def __getattr__(self, name: str) -> int:
        return int(getattr(self.settings, name))

    def __setattr__(self, name: str, value: int) -> None:
        setattr(self.settings, name, value)


def instrument_of(bits: int = 16, **changes: Any) -> Instrument:
    """Two channels at 5 MS/s."""
    plain = instrument_preset("sheet-ci")
    digitizer = plain.digitizer.model_copy(update={"bits": bits, **changes})
    return plain.model_copy(update={"digitizer": digitizer})


def opened(bits: int = 16, query: str = "notify=16K&buffer=128K", **options: Any) -> Source:
    """Open the card by its URL, with an instrument of as many bits."""
    return open_source(f"spcm:{DEVICE}?{query}", instrument=instrument_of(bits), **options)


def expected(bits: int, first: int, count: int, channels: int = 2) -> npt.NDArray[np.int64]:
    """The ramp that the stand-in streams."""
    ticks = np.arange(first, first + count)[:, None] + 7 * np.arange(channels)
    return ticks % (1 << bits) - (1 << (bits - 1))
