"""Values of a fault's options as they stand in text."""

from __future__ import annotations

import math
import re

from acquisition.errors import ConfigError

_TIME = re.compile(r"([0-9.eE+-]+?)\s*(s|ms|us)")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def probability(text: str) -> float:
    """Return a number above 0 and at most 1.

    Raises
    ------
    ConfigError
        If the text is none.
    """
    value = _number(text)
    if not 0 < value <= 1:
        raise ConfigError(f"'{text}' is no probability; give a number above 0 and at most 1, such as 1e-4.")
    return value


def instant(text: str) -> float:
    """Return a time of at least 0, in seconds; the text needs a unit: `1.5s`, `300ms` or `20us`.

    Raises
    ------
    ConfigError
        If the text is none.
    """
    found = _TIME.fullmatch(text)
    value = _number(found[1]) * _SECONDS[found[2]] if found else math.nan
    if not 0 <= value < math.inf:
        raise ConfigError(f"'{text}' is no time; give a number of at least 0 with its unit s, ms or us, such as 1.5s.")
    return value


def duration(text: str) -> float:
    """Return a time above 0, in seconds, written as for `instant`.

    Raises
    ------
    ConfigError
        If the text is none.
    """
    value = instant(text)
    if value == 0:
        raise ConfigError(f"'{text}' is no length of time; it must be above 0.")
    return value


def whole(text: str) -> int:
    """Return a whole number of at least 1.

    Raises
    ------
    ConfigError
        If the text is none.
    """
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) == 0:
        raise ConfigError(f"'{text}' is no number of samples; give a whole number of at least 1.")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
