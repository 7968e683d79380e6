"""How real samples are: measured, simulated from real images, or simulated throughout."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Origin(StrEnum):
    """Where samples come from, now or when they were recorded; results from them are called the same."""

    MEASURED = "measured"
    SEMI_REAL = "semi-real"
    """Images of real cells, seen through a simulated instrument."""
    SIMULATED = "simulated"
    """Cells and instrument are simulated."""

    @property
    def adjective(self) -> str:
        """The word with a space behind it to put before `cells`; empty where they were measured."""
        return "" if self is Origin.MEASURED else f"{self.value} "


_LEAST_REAL_FIRST = (Origin.SIMULATED, Origin.SEMI_REAL, Origin.MEASURED)


def least_real(origins: Iterable[Origin]) -> Origin:
    """Return what a mixture has to be called: the least real of its parts; `measured` where there are none."""
    parts = set(origins)
    return next((origin for origin in _LEAST_REAL_FIRST if origin in parts), Origin.MEASURED)
