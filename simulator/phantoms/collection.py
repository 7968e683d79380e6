"""Real cells to draw from, as a sample is drawn from populations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.real_images.raw import RawCells, Voxel
from simulator.cells.specimen import Specimen
from simulator.phantoms.making import Scale, make_phantom


@dataclass(frozen=True, slots=True)
class Phantoms:
    """A collection of real cells; see `simulator.cells.specimen.Specimens`. Images are read when they are drawn.

    Attributes
    ----------
    cells
        Where they are read from.
    members
        Numbers of the cells of each label.
    shares
        How often each label is drawn; they add up to 1.
    voxel_um
        Edges of a pixel (the last two) or voxel.
    scale
        Brightness of the median cell.
    """

    cells: RawCells
    members: Mapping[str, npt.NDArray[np.int64]]
    shares: Mapping[str, float]
    voxel_um: Voxel
    scale: Scale

    @property
    def kinds(self) -> tuple[str, ...]:
        """Labels that may be drawn."""
        return tuple(self.shares)

    @property
    def description(self) -> str:
        """Collection, labels with their shares, and pixel."""
        labels = ", ".join(f"{label}:{share:.3g}" for label, share in self.shares.items())
        pixel = f"{self.voxel_um[1]:g} um"
        if len(set(self.voxel_um)) > 1:
            pixel = " x ".join(f"{edge:g}" for edge in self.voxel_um) + " um"
        return f"real images of {self.cells.name} ({labels}; pixel {pixel})"

    @property
    def semi_real(self) -> bool:
        """True."""
        return True

    def draw(self, rng: np.random.Generator) -> Specimen:
        """Draw a label by the shares, then one of its cells; the same generator state gives the same one.

        Raises
        ------
        ConfigError
            If the image is damaged or shows no cell.
        """
        kind = self.kinds[int(rng.choice(len(self.shares), p=list(self.shares.values())))]
        return self.phantom(int(rng.choice(self.members[kind])), rng)

    def phantom(self, index: int, rng: np.random.Generator) -> Specimen:
        """Make a phantom of one cell of the collection."""
        kind = self.cells.labels[index]
        name = f"cell {index} ({kind}) of {self.cells.name}"
        return make_phantom(self.cells.read(index), self.voxel_um, self.scale, rng, kind=kind, index=index, name=name)
