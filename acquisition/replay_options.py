"""Options of a replay as they come from a command line, a query or code."""

from __future__ import annotations

import math

from acquisition.errors import ConfigError

MOST_BLOCK_SAMPLES = 1 << 26


def parse_speed(value: str | float | None) -> float | None:
    """Return the pace against real time; None for "max", as fast as it is read.

    Raises
    ------
    ConfigError
        If it is not a positive number.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in ("max", "")):
        return None
    try:
        speed = float(value)
    except (TypeError, ValueError):
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise ConfigError(f"The speed '{value}' must be a number above 0 (1 is real time) or 'max'.")
    return speed


def parse_block_samples(value: str | int | None) -> int | None:
    """Return the most samples in a block; None leaves the choice to the replay.

    Raises
    ------
    ConfigError
        If it is not a whole number in range.
    """
    if value is None:
        return None
    try:
        samples = int(value)
    except (TypeError, ValueError):
        samples = 0
    if not 1 <= samples <= MOST_BLOCK_SAMPLES or samples != float(value):
        raise ConfigError(f"block_samples '{value}' must be a whole number from 1 to {MOST_BLOCK_SAMPLES}.")
    return samples
