"""A real cell as its file holds it, and what a collection of them has to offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Voxel = tuple[float, float, float]
"""Edges of a voxel: z, y, x, um."""


@dataclass(frozen=True, slots=True)
class RawCell:
    """Images of one cell in counts of their camera; what was not taken is None.

    Attributes
    ----------
    transmission
        `(y, x)` float32, light on a bright background.
    side_scatter
        `(y, x)` float32, darkfield: light on a dark background.
    fluorescence
        `(y, x)` float32.
    volume
        `(z, y, x)` float32, fluorescence or scatter in three dimensions; the flat images are None then.
    colour
        `(3, y, x)` float32, red, green and blue of a colour image, which is taken for a stained smear: everything in it
        is darker than the background, and other cells stand around. Green is the transmission then.
    named
        `(y, x)` float32 by the names that the file gives its channels, those above among them.
    bright
        Which of these are light on a bright background.
    """

    transmission: Floats | None = None
    side_scatter: Floats | None = None
    fluorescence: Floats | None = None
    volume: Floats | None = None
    colour: Floats | None = None
    named: Mapping[str, Floats] = field(default_factory=dict)
    bright: frozenset[str] = frozenset()

    @property
    def is_smear(self) -> bool:
        """Whether it is a stained smear."""
        return self.colour is not None

    @property
    def flat_images(self) -> dict[str, Floats]:
        """`(y, x)` images by the names of their channels, what they are before what they are called.

        `grey` is the mean of the colours.
        """
        if self.colour is not None:
            red, green, blue = self.colour
            return {"red": red, "green": green, "blue": blue, "grey": self.colour.mean(axis=0)}
        taken = {
            "transmission": self.transmission,
            "side_scatter": self.side_scatter,
            "fluorescence": self.fluorescence,
        }
        return {**{name: image for name, image in taken.items() if image is not None}, **self.named}


class RawCells(Protocol):
    """Where real cells are read from; `read` may be called from several threads."""

    @property
    def name(self) -> str:
        """Name of the file or folder, without the way to it."""

    @property
    def labels(self) -> Sequence[str]:
        """Label of every cell; its length is their number."""

    @property
    def splits(self) -> Sequence[str]:
        """Split of every cell, such as `train`; empty where the file does not say."""

    @property
    def runs(self) -> Sequence[str]:
        """Run, donor or slide that every cell comes from; empty where the file does not say."""

    @property
    def facts(self) -> Mapping[str, Sequence[str]]:
        """What else is said of every cell, a word for each by the name of the fact; empty words where it is unknown."""

    @property
    def voxel_um(self) -> Voxel | None:
        """Edges of a pixel (the last two) or voxel where the file or its kind says them, um; None otherwise."""

    def read(self, index: int) -> RawCell:
        """Read one cell.

        Raises
        ------
        ConfigError
            If its image is damaged; the sentence names it.
        """
