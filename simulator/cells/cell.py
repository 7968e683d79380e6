"""One synthetic cell: bodies that delay light and points that scatter it (specification F.1, image level L0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.cells.path import path_image
from simulator.cells.specimen import Field, View

Floats = npt.NDArray[np.float32]

ABSORPTION_PER_RADIAN = 0.03
"""Extinction that goes with a radian of phase: scattering out of the aperture (an assumption of the simulation)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell in its own frame, centre at 0, axes z, y, x in micrometres.

    Attributes
    ----------
    kind
        Name of the population.
    diameter_um
        Mean outer diameter.
    bodies
        `(b, 7)` float32: centre z, y, x, semi-axes z, y, x, and refractive index step of an ellipsoid. Steps add up
        where bodies overlap.
    roughness
        `(modes, 3)` float32: order, relative amplitude and phase of the outline's waves in any projection.
    granules
        `(g, 5)` float32: centre z, y, x, radius, index step against what surrounds it.
    scatterers
        `(s, 4)` float32: z, y, x and strength (arbitrary units common to all cells).
    """

    kind: str
    diameter_um: float
    bodies: Floats
    roughness: Floats
    granules: Floats
    scatterers: Floats

    @property
    def is_cell(self) -> bool:
        """True."""
        return True

    @property
    def facts(self) -> Mapping[str, float]:
        """Nothing more is known."""
        return {}

    @property
    def fluorophores(self) -> Floats:
        """None: the cell is not stained."""
        return np.empty((0, 4), dtype=np.float32)

    def field(self, view: View) -> Field:
        """Complex amplitude behind the cell, `(n, n)`: the projected phase, with a weak extinction."""
        path = path_image(self.bodies, self.roughness, self.granules, view)
        phase = 2 * np.pi / (view.wavelength_nm * 1e-3) * path.astype(np.float64)
        return np.asarray(np.exp((1j - ABSORPTION_PER_RADIAN) * phase), dtype=np.complex64)

    def index_step(self, n: int, pixel_um: float) -> Floats:
        """Refractive index against the medium on a cube `(n, n, n)`, z, y, x; parts add up as in `bodies`."""
        axis = ((np.arange(n) + 0.5 - n / 2) * pixel_um).astype(np.float32)
        z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
        step = np.zeros((n, n, n), dtype=np.float32)
        for body in self.bodies:
            inside = ((z - body[0]) / body[3]) ** 2 + ((y - body[1]) / body[4]) ** 2 + ((x - body[2]) / body[5]) ** 2
            step[inside < 1.0] += body[6]
        return step
