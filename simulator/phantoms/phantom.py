"""What the optics look at: a real cell, from its flat images or from a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acquisition.errors import ConfigError
from acquisition.real_images.raw import Floats, Voxel
from simulator.cells.specimen import Field, View
from simulator.phantoms.resample import at_pixels


@dataclass(frozen=True, slots=True)
class ImagePhantom:
    """A cell known from flat images; see `simulator.cells.specimen.Specimen`.

    However the instrument looks at it, its camera sees the transmission image: the view's rows are the image's rows.
    All of its contrast is taken for amplitude, none for phase (an assumption: intensity does not tell them apart).

    Attributes
    ----------
    kind
        Its label.
    diameter_um
        Of a disc of its area.
    facts
        Truth of cells, and `source_index`, its number in the collection.
    scatterers, fluorophores
        As in `Specimen`.
    amplitude
        `(y, x)` float32: square root of the transmission, less 1.
    centre_px, pixel_um
        Row and column of the cell's centre in it, and its pitch.
    """

    kind: str
    diameter_um: float
    facts: Mapping[str, float]
    scatterers: Floats
    fluorophores: Floats
    amplitude: Floats
    centre_px: tuple[float, float]
    pixel_um: float

    @property
    def is_cell(self) -> bool:
        """True."""
        return True

    def field(self, view: View) -> Field:
        """Complex amplitude behind the cell, `(n, n)`: the square root of its transmission."""
        pixels_um = (self.pixel_um, self.pixel_um)
        change = at_pixels(self.amplitude, self.centre_px, pixels_um, view.n, view.centre_um, view.pixel_um)
        return (1 + change).astype(np.complex64)

    def index_step(self, n: int, pixel_um: float) -> Floats:  # noqa: ARG002 - the protocol's parameters
        """Refuse: an image says nothing about the refractive index."""
        raise no_index()


@dataclass(frozen=True, slots=True)
class VolumePhantom:
    """A cell known from a stack, as it is; see `simulator.cells.specimen.Specimen`.

    What glows or scatters in the stack also absorbs, so that the cell is seen in transmission: the densest ray loses
    what `density` says (an assumption).

    Attributes
    ----------
    kind, diameter_um, facts, scatterers, fluorophores
        As in `ImagePhantom`; the diameter is that of a ball of its volume.
    volume
        `(z, y, x)` float32, 0 outside of the cell.
    voxel_um
        Edges of its voxels.
    density
        Absorption coefficient of a unit of the volume over 1 um, natural logarithm.
    """

    kind: str
    diameter_um: float
    facts: Mapping[str, float]
    scatterers: Floats
    fluorophores: Floats
    volume: Floats
    voxel_um: Voxel
    density: float

    @property
    def is_cell(self) -> bool:
        """True."""
        return True

    def field(self, view: View) -> Field:
        """Complex amplitude behind the cell, `(n, n)`: what its projection absorbs."""
        rows, cols, along = view.axes
        projection = self.volume.sum(axis=along) * self.voxel_um[along]
        # Summing leaves the other two axes in the order z, y, x.
        projection = projection if rows < cols else projection.T
        centre = ((projection.shape[0] - 1) / 2, (projection.shape[1] - 1) / 2)
        pixels_um = (self.voxel_um[rows], self.voxel_um[cols])
        seen = at_pixels(projection, centre, pixels_um, view.n, view.centre_um, view.pixel_um)
        return np.exp(-0.5 * self.density * np.maximum(seen, 0)).astype(np.complex64)

    def index_step(self, n: int, pixel_um: float) -> Floats:  # noqa: ARG002 - the protocol's parameters
        """Refuse: a stack of light says nothing about the refractive index."""
        raise no_index()


def no_index() -> ConfigError:
    """Return what is said to those who ask for a refractive index."""
    return ConfigError("Nothing is known of the refractive index of a real image; use the image level L0.")
