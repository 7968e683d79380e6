"""What the optics ask of anything that flows: a synthetic cell, a bead, a doublet, or a real image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Field = npt.NDArray[np.complex64]

MEDIUM_INDEX = 1.335


@dataclass(frozen=True, slots=True)
class View:
    """How a specimen is looked at.

    Attributes
    ----------
    axes
        Which of z (0), y (1), x (2) are the picture's rows, its columns, and the direction of view.
    centre_um
        Row and column of the specimen's centre against the picture's centre, um.
    n
        Rows and columns of the picture.
    pixel_um
        Their pitch.
    wavelength_nm
        Of the light, in vacuum.
    """

    axes: tuple[int, int, int]
    centre_um: tuple[float, float]
    n: int
    pixel_um: float
    wavelength_nm: float


class Specimen(Protocol):
    """Something that flows through the instrument, in its own frame: centre at 0, axes z, y, x, um."""

    @property
    def kind(self) -> str:
        """Name of its population, or its label."""

    @property
    def is_cell(self) -> bool:
        """False for debris, bubbles and beads, which nobody counts as cells."""

    @property
    def diameter_um(self) -> float:
        """Mean outer diameter; the reach of its light is at most 1.5 times as much."""

    @property
    def facts(self) -> Mapping[str, float]:
        """Further truth, such as `nucleus_ratio` or `translocation`; every specimen of a sample has the same keys."""

    @property
    def scatterers(self) -> Floats:
        """Points that scatter to the side, `(s, 4)`: z, y, x, and the cross-section collected by the objective, um2."""

    @property
    def fluorophores(self) -> Floats:
        """Points that glow, `(f, 4)`: z, y, x, and brightness, the whole of a typical cell being 1; `f` may be 0."""

    def field(self, view: View) -> Field:
        """Complex amplitude behind the specimen, `(n, n)`, 1 where nothing stands in the light."""

    def index_step(self, n: int, pixel_um: float) -> Floats:
        """Refractive index against the medium on a cube `(n, n, n)`, z, y, x (image level L1).

        Raises
        ------
        ConfigError
            If nothing is known of it, as of a real image.
        """


class Specimens(Protocol):
    """Where specimens are drawn from: a mixture of populations, or a collection of real images."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the populations or labels that may be drawn."""

    @property
    def description(self) -> str:
        """One line for people."""

    @property
    def semi_real(self) -> bool:
        """True where real images are seen through simulated optics."""

    def draw(self, rng: np.random.Generator) -> Specimen:
        """Draw one; the same generator state gives the same specimen."""
