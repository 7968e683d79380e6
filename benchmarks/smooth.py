"""A phantom without granules: what a light sheet sees of it changes more slowly than its pinholes stand apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.cells.facts import facts
from simulator.cells.specimen import Field, Floats, View

SMOOTH = "smooth"
CROSS_SECTION_UM2 = 1e-3
"""Collected from the whole phantom: between a lymphocyte and a neutrophil."""
PITCH_UM = 0.4
"""Of the lattice of points that makes it; less than the optics tell apart."""
PHASE_RAD = 2.0


@dataclass(frozen=True, slots=True)
class SmoothPhantom:
    """Gaussian clouds within a Gaussian cloud; see `simulator.cells.specimen.Specimen`.

    Attributes
    ----------
    clouds
        `(k, 5)`: z, y, x, standard deviation, um, and share of the light.
    """

    clouds: npt.NDArray[np.float64]
    kind: str = SMOOTH
    is_cell: bool = True

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> SmoothPhantom:
        """One wide cloud, and three narrow ones inside it."""
        places = np.vstack([np.zeros(3), rng.normal(0.0, 1.5, (3, 3))])
        return cls(np.column_stack([places, (2.2, 1.0, 1.2, 1.4), (0.55, 0.15, 0.15, 0.15)]))

    @property
    def diameter_um(self) -> float:
        """Width of the wide cloud, where it is down to a tenth."""
        return float(4.3 * self.clouds[0, 3])

    @property
    def facts(self) -> Mapping[str, float]:
        """Side scatter; nothing else applies."""
        return facts(side_scatter_um2=CROSS_SECTION_UM2)

    @property
    def scatterers(self) -> Floats:
        """A lattice of points, `(s, 4)`: z, y, x, and cross-section, um^2."""
        axis = np.arange(-7.0, 7.0 + PITCH_UM / 2, PITCH_UM)
        places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        light = np.zeros(places.shape[0])
        for *centre, sigma, share in self.clouds:
            cloud = np.exp(-0.5 * ((places - centre) ** 2).sum(axis=1) / sigma**2)
            light += share * cloud / cloud.sum()
        kept = light > 1e-4 * light.max()
        points = np.column_stack([places, CROSS_SECTION_UM2 * light])[kept]
        return np.asarray(points, dtype=np.float32)

    @property
    def fluorophores(self) -> Floats:
        """None."""
        return np.empty((0, 4), dtype=np.float32)

    def field(self, view: View) -> Field:
        """Complex amplitude behind the wide cloud, `(n, n)`: a phase without an edge."""
        axis = (np.arange(view.n) + 0.5 - view.n / 2) * view.pixel_um
        squared = (axis[:, None] - view.centre_um[0]) ** 2 + (axis[None, :] - view.centre_um[1]) ** 2
        return np.asarray(np.exp(1j * PHASE_RAD * np.exp(-0.5 * squared / self.clouds[0, 3] ** 2)), dtype=np.complex64)

    def index_step(self, n: int, pixel_um: float) -> Floats:  # noqa: ARG002
        """Refractive index against the medium on a cube `(n, n, n)`: that of water, as only its light is simulated."""
        return np.zeros((n, n, n), dtype=np.float32)
