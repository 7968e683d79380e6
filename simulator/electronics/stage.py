"""One step of an amplifier, and steps that only add something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Stage(Protocol):
    """A step that a channel's signal goes through; what it remembers goes on from one stretch to the next."""

    def settle(self, level: float) -> float:
        """Forget all but a signal that has always been at this level, and return the level that comes out."""

    def apply(self, signal: Floats, first_tick: int, /) -> None:
        """Change the `(n,)` contiguous counts of one channel in place."""


class Along(Protocol):
    """A pure function of the tick, such as `slow.Tones`."""

    def along(self, first_tick: int, n: int) -> Floats:
        """Return `(n,)` values from a tick on."""


@dataclass(frozen=True, slots=True)
class Added:
    """Adds something slow to the signal: hum, wander, 1/f noise."""

    something: Along

    def settle(self, level: float) -> float:
        """Return the level as it is."""
        return level

    def apply(self, signal: Floats, first_tick: int, /) -> None:
        """Add it in place."""
        signal += self.something.along(first_tick, signal.shape[0])
