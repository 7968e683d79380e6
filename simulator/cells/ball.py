"""Balls of one material, beads and bubbles, which nobody counts as cells (specification F.2 and F.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.cells.facts import facts
from simulator.cells.specimen import MEDIUM_INDEX, Field, Floats, View
from simulator.cells.voxels import add_ball_voxels

STEEPEST_SINE = 0.7
"""Rays that a ball bends by more than 45 degrees reach no objective: there the ball is dark. It also keeps the phase
from turning by more than half a wave from pixel to pixel."""


@dataclass(frozen=True, slots=True)
class Ball:
    """Balls of one kind: median diameter, um, its relative spread, and refractive index."""

    name: str
    diameter_um: float
    diameter_cv: float
    index: float


@dataclass(frozen=True, slots=True)
class BallSpecimen:
    """One ball.

    Attributes
    ----------
    kind
        Name of its population.
    diameter_um
        Diameter.
    index
        Refractive index.
    scatterers
        `(s, 4)` float32: z, y, x and collected cross-section, um^2.
    """

    kind: str
    diameter_um: float
    index: float
    scatterers: Floats

    @property
    def is_cell(self) -> bool:
        """False."""
        return False

    @property
    def facts(self) -> Mapping[str, float]:
        """Side scatter; nothing else applies."""
        return facts(side_scatter_um2=float(self.scatterers[:, 3].sum()))

    @property
    def fluorophores(self) -> Floats:
        """None."""
        return np.empty((0, 4), dtype=np.float32)

    def field(self, view: View) -> Field:
        """Complex amplitude behind the ball, `(n, n)`: the phase of its chord, and dark where rays are bent away."""
        axis = (np.arange(view.n) + 0.5 - view.n / 2) * view.pixel_um
        u, v = axis[:, None] - view.centre_um[0], axis[None, :] - view.centre_um[1]
        radius, step = self.diameter_um / 2, self.index - MEDIUM_INDEX
        half = np.sqrt(np.maximum(radius**2 - u**2 - v**2, 0.0))
        phase = 2 * np.pi / (view.wavelength_nm * 1e-3) * step * 2 * half
        slope = 2 * abs(step) * np.sqrt(u**2 + v**2) / np.maximum(half, 1e-9) / MEDIUM_INDEX
        bent_away = (half > 0) & (slope > STEEPEST_SINE)
        return np.asarray(np.where(bent_away, 0.0, np.exp(1j * phase)), dtype=np.complex64)

    def index_step(self, n: int, pixel_um: float) -> Floats:
        """Refractive index against the medium, the mean over each voxel of a cube `(n, n, n)`."""
        step = np.zeros((n, n, n), dtype=np.float32)
        ball = np.array([[0.0, 0.0, 0.0, self.diameter_um / 2, self.index - MEDIUM_INDEX]], dtype=np.float32)
        add_ball_voxels(step, ball, pixel_um)
        return step
