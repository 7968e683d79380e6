"""Work in steps, between which threads that somebody waits for get their turns: Python lets one go on at a time."""

from __future__ import annotations

from collections.abc import Callable

Rest = Callable[[], object]
"""Called between two steps; takes as long as others are to have."""


def no_rest() -> None:
    """Go on at once."""
