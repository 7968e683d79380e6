"""Red blood cells: biconcave discs of one index (specification F.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from simulator.cells.facts import facts
from simulator.cells.specimen import MEDIUM_INDEX, Field, Floats, View

EVANS_FUNG = (0.81, 7.83, -4.39)
"""Thickness against the squared distance from the axis (Evans and Fung 1972), before it is scaled to the height."""
STEP_UM = 0.1
"""Step along a ray."""


@dataclass(frozen=True, slots=True)
class DiscPopulation:
    """Discs of one kind: median diameter, um, its relative spread, height of the rim, um, and refractive index."""

    name: str
    diameter_um: float
    diameter_cv: float
    height_um: float
    index: float


@numba.njit(cache=True, nogil=True, inline="always")
def _half_height(rho2: float, scale: float) -> float:
    """Half the thickness at a squared distance from the axis, in units of the radius."""
    if rho2 >= 1.0:
        return -1.0
    return float(0.5 * scale * np.sqrt(1.0 - rho2) * (EVANS_FUNG[0] + rho2 * (EVANS_FUNG[1] + rho2 * EVANS_FUNG[2])))


@numba.njit(cache=True, nogil=True)
def _disc_path(
    path: Floats,
    turn: npt.NDArray[np.float64],
    radius: float,
    scale: float,
    centre: tuple[float, float],
    axes: tuple[int, int, int],
    pixel_um: float,
) -> None:
    """Add the length inside the disc, um, to `(n, n)`; `turn` rows are the disc's plane (2) and axis in z, y, x."""
    n = path.shape[0]
    reach = radius * 1.02
    steps = int(2 * reach / STEP_UM) + 1
    point = np.zeros(3)
    for i in range(n):
        u = (i + 0.5 - n / 2) * pixel_um - centre[0]
        for j in range(n):
            v = (j + 0.5 - n / 2) * pixel_um - centre[1]
            if u * u + v * v > reach * reach:
                continue
            point[axes[0]], point[axes[1]] = u, v
            for k in range(steps):
                point[axes[2]] = (k + 0.5) * STEP_UM - reach
                p = turn[0, 0] * point[0] + turn[0, 1] * point[1] + turn[0, 2] * point[2]
                q = turn[1, 0] * point[0] + turn[1, 1] * point[1] + turn[1, 2] * point[2]
                h = turn[2, 0] * point[0] + turn[2, 1] * point[1] + turn[2, 2] * point[2]
                inside = _half_height((p * p + q * q) / (radius * radius), scale) - abs(h)
                # The last step into and out of the disc counts in part, or the rim would show the steps.
                path[i, j] += STEP_UM * min(max(inside / STEP_UM + 0.5, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Disc:
    """One red blood cell.

    Attributes
    ----------
    kind
        Name of its population.
    diameter_um, height_um
        Diameter, and height of the rim.
    index
        Refractive index.
    turn
        `(3, 3)`: two directions in the plane of the disc and its axis, each as z, y, x.
    scatterers
        `(s, 4)` float32: z, y, x and collected cross-section, um^2.
    """

    kind: str
    diameter_um: float
    height_um: float
    index: float
    turn: npt.NDArray[np.float64]
    scatterers: Floats

    @property
    def is_cell(self) -> bool:
        """True."""
        return True

    @property
    def facts(self) -> Mapping[str, float]:
        """Side scatter; it has no nucleus and no granules."""
        return facts(side_scatter_um2=float(self.scatterers[:, 3].sum()))

    @property
    def fluorophores(self) -> Floats:
        """None."""
        return np.empty((0, 4), dtype=np.float32)

    def field(self, view: View) -> Field:
        """Complex amplitude behind the disc, `(n, n)`: a phase without extinction."""
        path = np.zeros((view.n, view.n), dtype=np.float32)
        scale = self.height_um / rim_height(1.0)
        _disc_path(path, self.turn, self.diameter_um / 2, scale, view.centre_um, view.axes, view.pixel_um)
        phase = 2 * np.pi / (view.wavelength_nm * 1e-3) * (self.index - MEDIUM_INDEX) * path.astype(np.float64)
        return np.asarray(np.exp(1j * phase), dtype=np.complex64)

    def index_step(self, n: int, pixel_um: float) -> Floats:
        """Refractive index against the medium, the mean over each voxel of a cube `(n, n, n)`."""
        axis = ((np.arange(n) + 0.5 - n / 2) * pixel_um).astype(np.float32)
        z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
        p, q, h = (row[0] * z + row[1] * y + row[2] * x for row in self.turn.astype(np.float32))
        rho2 = (p**2 + q**2) / (self.diameter_um / 2) ** 2
        half = half_height(rho2, self.height_um)
        share = np.clip((half - np.abs(h)) / pixel_um + 0.5, 0.0, 1.0)
        return np.asarray(np.where(rho2 < 1.0, share, 0.0) * (self.index - MEDIUM_INDEX), dtype=np.float32)


def half_height(rho2: npt.NDArray[np.floating], height_um: float) -> npt.NDArray[np.floating]:
    """Half the thickness of a disc at squared distances from its axis, in units of the radius, um."""
    c0, c1, c2 = EVANS_FUNG
    shape = np.sqrt(np.maximum(1.0 - rho2, 0.0)) * (c0 + c1 * rho2 + c2 * rho2**2)
    return np.asarray(0.5 * height_um / rim_height(1.0) * shape)


def rim_height(scale: float) -> float:
    """Largest thickness of the profile times `scale`."""
    rho2 = np.linspace(0.0, 1.0, 2001)
    c0, c1, c2 = EVANS_FUNG
    return float(scale * np.max(np.sqrt(1.0 - rho2) * (c0 + c1 * rho2 + c2 * rho2**2)))
