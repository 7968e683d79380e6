"""One synthetic cell: bodies that delay light and points that scatter it (specification F.1, image level L0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.cells.path import Picture, Shape, add_balls, add_texture, thickness
from simulator.cells.specimen import Field, Floats, View
from simulator.cells.texture import Texture, texture_tile
from simulator.cells.voxels import add_ball_voxels, occupancy

ABSORPTION_PER_RADIAN = 0.03
"""Extinction that goes with a radian of phase: scattering out of the aperture (an assumption of the simulation)."""
SHARPNESS_UM = 0.15
"""Least width of a granule in a projection, so that none falls between two pixels of 0.25 um."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell in its own frame, centre at 0, axes z, y, x in micrometres.

    Attributes
    ----------
    kind
        Name of the population.
    is_cell
        False for debris.
    diameter_um
        Mean outer diameter.
    shape
        Outline and nucleus.
    reach_um
        Farthest point of the outline from the centre, at least.
    cytoplasm_step, nucleus_step
        Refractive index of the cytoplasm against the medium, and of the nucleus against the cytoplasm.
    balls
        `(g, 5)` float32: centre z, y, x, radius, index step against what surrounds it; nucleoli and granules.
    cytoplasm_texture, nucleus_texture
        What varies about the two indices.
    scatterers, fluorophores
        See `simulator.cells.specimen.Specimen`.
    facts
        See `simulator.cells.facts.facts`.
    """

    kind: str
    is_cell: bool
    diameter_um: float
    shape: Shape
    reach_um: float
    cytoplasm_step: float
    nucleus_step: float
    balls: Floats
    cytoplasm_texture: Texture
    nucleus_texture: Texture
    scatterers: Floats
    fluorophores: Floats
    facts: Mapping[str, float]

    def lengths(self, view: View) -> tuple[Floats, Floats]:
        """Lengths that rays take in the cell and in its nucleus, um, `(n, n)` each."""
        cell = np.zeros((view.n, view.n), dtype=np.float32)
        nucleus = np.zeros_like(cell)
        thickness(cell, nucleus, self.shape, _picture(view), self.reach_um)
        return cell, nucleus

    def path_um(self, view: View) -> Floats:
        """Index against the medium times path length, `(n, n)`, um."""
        cell, nucleus = self.lengths(view)
        path = self.cytoplasm_step * cell + self.nucleus_step * nucleus
        picture = _picture(view)
        for texture, length in ((self.cytoplasm_texture, cell - nucleus), (self.nucleus_texture, nucleus)):
            add_texture(path, length, texture.path_rms_um, texture_tile(), texture.place(view.axes[2]), picture)
        add_balls(path, self.balls, picture, SHARPNESS_UM)
        return path

    def field(self, view: View) -> Field:
        """Complex amplitude behind the cell, `(n, n)`: the projected phase, with a weak extinction."""
        phase = (2 * np.pi / (view.wavelength_nm * 1e-3)) * self.path_um(view)
        amplitude = np.exp(-ABSORPTION_PER_RADIAN * phase)
        field = np.empty(phase.shape, dtype=np.complex64)
        field.real, field.imag = amplitude * np.cos(phase), amplitude * np.sin(phase)
        return field

    def index_step(self, n: int, pixel_um: float) -> Floats:
        """Refractive index against the medium, the mean over each voxel of a cube `(n, n, n)`, z, y, x."""
        cell = np.zeros((n, n, n), dtype=np.float32)
        nucleus = np.zeros_like(cell)
        occupancy(cell, nucleus, self.shape, pixel_um, self.reach_um)
        step = self.cytoplasm_step * cell + self.nucleus_step * nucleus
        step += self.nucleus_texture.volume(n, pixel_um) * nucleus
        step += self.cytoplasm_texture.volume(n, pixel_um) * (cell - nucleus)
        add_ball_voxels(step, self.balls, pixel_um)
        return step


def _picture(view: View) -> Picture:
    rows, cols, along = view.axes
    return Picture(rows, cols, along, view.centre_um[0], view.centre_um[1], view.pixel_um)
