"""A population of cells as priors on geometry and refractive index (specification F.1 and F.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NucleusShape(StrEnum):
    """How a nucleus looks."""

    NONE = "none"
    ROUND = "round"
    OVAL = "oval"
    """An ellipsoid, clearly longer than wide."""
    INDENTED = "indented"
    """A sphere with a shallow dent."""
    KIDNEY = "kidney"
    """A sphere with a deep dent."""
    SEGMENTED = "segmented"
    """3 to 5 lobes on an arc."""
    BILOBED = "bilobed"
    """2 lobes."""


class Stain(StrEnum):
    """What glows in the cell."""

    NONE = "none"
    GFP_GR_UNTREATED = "gfp-gr-untreated"
    """GFP on the glucocorticoid receptor, which stays in the cytoplasm."""
    GFP_GR_DEX = "gfp-gr-dex"
    """The same after dexamethasone, which sends it into the nucleus of most cells."""


@dataclass(frozen=True, slots=True)
class Nucleus:
    """Priors on the nucleus.

    Attributes
    ----------
    shape
        Its shape.
    ratio, ratio_cv
        Nuclear over cell diameter and its relative spread; for lobes the cube root of their share of the volume.
    index_step
        What the nucleus adds to the refractive index of the cytoplasm; may be negative.
    nucleoli
        Fewest and most nucleoli.
    """

    shape: NucleusShape
    ratio: float = 0.0
    ratio_cv: float = 0.05
    index_step: float = 0.0
    nucleoli: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Granules:
    """Priors on granules, mitochondria and vesicles: a Poisson number of spheres with log-normal radii.

    Attributes
    ----------
    count
        Mean number in a cell of the population's diameter; it goes with the volume of the cell.
    radius_um
        Median radius.
    index
        Refractive index.
    radius_cv
        Relative spread of the radii within a cell.
    count_cv
        Relative spread of that mean from cell to cell, whose median `count` then is; 0 means that all have the same.
    """

    count: float
    radius_um: float
    index: float
    radius_cv: float = 0.25
    count_cv: float = 0.0


@dataclass(frozen=True, slots=True)
class Population:
    """Distribution that cells of one kind are drawn from; lengths in micrometres, CV as fraction.

    Attributes
    ----------
    name
        The kind.
    diameter_um, diameter_cv
        Median diameter and its relative spread.
    cytoplasm_index
        Refractive index of the cytoplasm.
    nucleus, granules
        What is inside.
    roughness
        Relative standard deviation of the outline, spherical harmonics of order 2 to 8.
    ruffles
        The same for the short waves of a ruffled membrane, order 10 to 16; 0 means none.
    fixed
        Whether the cells are fixed with formaldehyde, which shrinks them and raises their index.
    stain
        What glows.
    is_cell
        False for debris.
    """

    name: str
    diameter_um: float
    diameter_cv: float
    cytoplasm_index: float
    nucleus: Nucleus
    granules: Granules
    roughness: float = 0.02
    ruffles: float = 0.0
    fixed: bool = False
    stain: Stain = Stain.NONE
    is_cell: bool = True
