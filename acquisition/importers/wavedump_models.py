"""Rate and resolution of CAEN's digitizer families, which WaveDump does not write into its files."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from acquisition.errors import ConfigError

CONFIGURATION = "WaveDumpConfig.txt"
_FAMILY = re.compile(r"^\s*#?\s*digitizer\s+(?:[A-Z]+)?(7\d\d)\b", re.IGNORECASE | re.MULTILINE)
_LARGEST_CONFIGURATION_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Digitizer:
    """What the files do not say.

    Attributes
    ----------
    sample_rate_hz, bits
        Of the converter; samples are unsigned.
    tag_s
        Unit of the trigger's time tag.
    """

    sample_rate_hz: float
    bits: int
    tag_s: float = 8e-9

    @property
    def sample_dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Type of a stored sample."""
        return np.dtype("u1") if self.bits <= 8 else np.dtype("<u2")

    @property
    def sample_bytes(self) -> int:
        """Size of a stored sample."""
        return self.sample_dtype.itemsize


_FAMILIES = {
    720: Digitizer(250e6, 12),
    721: Digitizer(500e6, 8),
    724: Digitizer(100e6, 14, 10e-9),
    725: Digitizer(250e6, 14),
    730: Digitizer(500e6, 14),
    731: Digitizer(500e6, 8),
    751: Digitizer(1e9, 10),
}
"""Of the vendor's data sheets: full rate, and the clock of the trigger's time tag."""


def digitizer_of(
    file: Path, model: str | int | None, sample_rate_hz: str | float | None, bits: str | int | None
) -> Digitizer:
    """Return the digitizer of a recording; parameters as in `WaveDumpFile`.

    Raises
    ------
    ConfigError
        If neither the options nor the configuration beside the file name a known one.
    """
    known = _FAMILIES.get(_family(file, model))
    if known is None and (sample_rate_hz is None or bits is None):
        families = ", ".join(str(family) for family in _FAMILIES)
        raise ConfigError(
            f"WaveDump does not say which digitizer recorded '{file}'; add ?model=N behind the address (one of "
            f"{families}), or ?sample_rate_hz=...&bits=...."
        )
    digitizer = known or Digitizer(0.0, 0)
    if sample_rate_hz is not None:
        digitizer = replace(digitizer, sample_rate_hz=_number("sample_rate_hz", sample_rate_hz))
    if bits is not None:
        digitizer = replace(digitizer, bits=int(_number("bits", bits)))
    if not (digitizer.sample_rate_hz > 0 and 2 <= digitizer.bits <= 16):
        raise ConfigError(
            f"A digitizer of {digitizer.sample_rate_hz:g} Hz and {digitizer.bits} bits cannot be; use a rate above 0 "
            "and 2 to 16 bits."
        )
    return digitizer


def _family(file: Path, model: str | int | None) -> int:
    if model is not None:
        match = re.search(r"7\d\d", str(model))
        if match is None or int(match[0]) not in _FAMILIES:
            families = ", ".join(str(family) for family in _FAMILIES)
            raise ConfigError(f"There is no digitizer model '{model}' here; use one of {families}.")
        return int(match[0])
    try:
        with file.with_name(CONFIGURATION).open("rb") as configuration:
            text = configuration.read(_LARGEST_CONFIGURATION_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return 0
    match = _FAMILY.search(text)
    return int(match[1]) if match else 0


def _number(name: str, value: str | float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{name} '{value}' must be a number.")
    return number
