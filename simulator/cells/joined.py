"""Two specimens that stick together and pass as one (specification A.9: doublets)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from simulator.cells.specimen import Field, Floats, Specimen, View

CONTACT = 0.97
"""Distance of the two centres against the sum of the radii: what sticks together is flattened where it touches (an
assumption of the simulation)."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Two specimens as one; light passes both, and each scatters and glows by itself.

    Attributes
    ----------
    first, second
        The two.
    first_um, second_um
        `(3,)` float32: where their centres are, z, y, x, against the middle of the whole.
    """

    first: Specimen
    second: Specimen
    first_um: Floats
    second_um: Floats

    @classmethod
    def touching(cls, first: Specimen, second: Specimen, rng: np.random.Generator) -> Self:
        """Join two specimens in a random direction, so that their outlines touch."""
        direction = rng.standard_normal(3)
        direction /= np.sqrt(np.sum(direction**2))
        ours, theirs = first.diameter_um / 2, second.diameter_um / 2
        # The middle of the whole, not of the first one, is the origin: the grid then holds both with the least room.
        start = -CONTACT * theirs * direction
        return cls(first, second, _place(start), _place(start + CONTACT * (ours + theirs) * direction))

    @property
    def kind(self) -> str:
        """A doublet, whatever its parts are."""
        return "doublet"

    @property
    def is_cell(self) -> bool:
        """True where one of the two is a cell."""
        return self.first.is_cell or self.second.is_cell

    @property
    def diameter_um(self) -> float:
        """Length of the whole."""
        return self.first.diameter_um + self.second.diameter_um

    @property
    def facts(self) -> Mapping[str, float]:
        """Those of the first, with the side scatter of both."""
        facts = dict(self.first.facts)
        if "side_scatter_um2" in facts:
            facts["side_scatter_um2"] = float(self.scatterers[:, 3].sum())
        return facts

    @property
    def scatterers(self) -> Floats:
        """Points of both."""
        return np.concatenate(
            [_moved(self.first.scatterers, self.first_um), _moved(self.second.scatterers, self.second_um)]
        )

    @property
    def fluorophores(self) -> Floats:
        """Points of both."""
        parts = [_moved(self.first.fluorophores, self.first_um), _moved(self.second.fluorophores, self.second_um)]
        return np.concatenate(parts)

    def field(self, view: View) -> Field:
        """Complex amplitude behind both, `(n, n)`: one's phase and extinction after the other's."""
        behind = self.first.field(_seen(view, self.first_um)) * self.second.field(_seen(view, self.second_um))
        return np.asarray(behind, dtype=np.complex64)

    def index_step(self, n: int, pixel_um: float) -> Floats:
        """Refractive index against the medium of both, `(n, n, n)`, each moved by whole voxels."""
        both = np.zeros((n, n, n), dtype=np.float32)
        for part, place in ((self.first, self.first_um), (self.second, self.second_um)):
            _add_moved(both, part.index_step(n, pixel_um), np.rint(place / pixel_um).astype(np.int64))
        return both


def _place(zyx: npt.NDArray[np.float64]) -> Floats:
    return np.asarray(zyx, dtype=np.float32)


def _moved(points: Floats, place_um: Floats) -> Floats:
    moved = points.copy()
    moved[:, :3] += place_um
    return moved


def _seen(view: View, place_um: Floats) -> View:
    rows, cols, _ = view.axes
    return replace(
        view, centre_um=(view.centre_um[0] + float(place_um[rows]), view.centre_um[1] + float(place_um[cols]))
    )


def _add_moved(whole: Floats, part: Floats, shift: npt.NDArray[np.int64]) -> None:
    """Add a cube to another one of the same size, moved by voxels; what leaves it is lost."""
    n = whole.shape[0]
    to = tuple(slice(max(0, s), min(n, n + s)) for s in shift.tolist())
    of = tuple(slice(max(0, -s), min(n, n - s)) for s in shift.tolist())
    whole[to] += part[of]
