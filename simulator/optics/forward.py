"""From cells to light: one protocol, one model per kind of instrument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from simulator.arrivals import Arrival
from simulator.cells.levels import ImageLevel
from simulator.optics.picture import Picture
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]


class Shadow(Protocol):
    """A cell as the optics see it, ready to be laid on the stream."""

    @property
    def first_tick(self) -> int:
        """First sample that it touches."""

    @property
    def end_tick(self) -> int:
        """Sample after the last that it touches."""

    def lay(self, first_tick: int, light: Floats) -> None:
        """Change the `(n, channels)` mean photoelectrons of the samples from `first_tick` on."""

    def ideal(self) -> Mapping[str, Picture]:
        """Return what the optics draw of the cell, by name of channel or view."""


class ForwardModel(Protocol):
    """The optics of one simulated instrument."""

    def empty(self, first_tick: int, light: Floats) -> None:
        """Fill `(n, channels)` with the mean photoelectrons of an empty stream from `first_tick` on."""

    def shadow(self, arrival: Arrival) -> Shadow:
        """Return the cell as the optics see it."""


def forward_model(
    setup: Setup, seed: int, level: ImageLevel = ImageLevel.L0, loop_samples: int | None = None
) -> ForwardModel:
    """Return the model for a setup.

    Parameters
    ----------
    setup, level
        Instrument, light and defects, and how side scatter is made.
    seed
        Sets what is random but fixed, such as the phase of the clock.
    loop_samples
        Length after which everything but the cells repeats; None for a stream without end.
    """
    # Imported here: each module needs this one's protocol, and only one of them is wanted.
    from simulator.optics.light_sheet import LightSheetModel
    from simulator.optics.time_stretch import TimeStretchModel

    kinds: dict[str, type[LightSheetModel] | type[TimeStretchModel]] = {
        "light_sheet": LightSheetModel,
        "time_stretch": TimeStretchModel,
    }
    return kinds[setup.instrument.kind](setup, seed, loop_samples, level)
