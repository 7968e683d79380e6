"""GFP on the glucocorticoid receptor: where it glows, and what else shows that it moved (specification F.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.cells.population import Stain

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

UNTREATED_RATIO = (0.3, 0.6)
"""Density in the nucleus over that in the cytoplasm."""
TRANSLOCATED_RATIO = (3.0, 8.0)
NON_RESPONDERS = 0.15
"""Share of the treated cells that stay as they are; 0.10 to 0.20 in the specification."""
EXPRESSION_CV = 1.2
"""Spread of the brightness between cells, log-normal; at least 1.0 in the specification."""
DRY_MASS_GAIN = (0.005, 0.015)
"""What translocation adds to the dry mass of the nucleus: all that a label-free image may show of it."""
TEXTURE_GAIN = (0.05, 0.10)
"""What it adds to the rms of the nuclear texture."""
POINT_PITCH_UM = 0.9
"""Pitch of the points that glow, below the width of the instrument's blur, so that they look continuous."""


@dataclass(frozen=True, slots=True)
class Staining:
    """One cell's stain.

    Attributes
    ----------
    ratio
        Density of the fluorophore in the nucleus over that in the cytoplasm; NaN where nothing glows.
    brightness
        Of the whole cell, the median cell being 1.
    dry_mass_gain, texture_gain
        What translocation adds to the dry mass and to the rms texture of the nucleus; 0 where it did not happen.
    """

    ratio: float
    brightness: float
    dry_mass_gain: float
    texture_gain: float


UNSTAINED = Staining(math.nan, 0.0, 0.0, 0.0)


def draw_staining(stain: Stain, rng: np.random.Generator) -> Staining:
    """Draw how one cell is stained."""
    if stain is Stain.NONE:
        return UNSTAINED
    brightness = math.exp(math.sqrt(math.log1p(EXPRESSION_CV**2)) * float(rng.standard_normal()))
    # As many numbers are drawn whatever happens, so that both states have cells that are alike in all else.
    responds, ratio, mass, texture = rng.random(4).tolist()
    if stain is Stain.GFP_GR_DEX and responds >= NON_RESPONDERS:
        return Staining(
            ratio=_log_between(TRANSLOCATED_RATIO, ratio),
            brightness=brightness,
            dry_mass_gain=_between(DRY_MASS_GAIN, mass),
            texture_gain=_between(TEXTURE_GAIN, texture),
        )
    return Staining(_log_between(UNTREATED_RATIO, ratio), brightness, 0.0, 0.0)


def glowing_points(
    staining: Staining, axes: Doubles, in_nucleus: npt.NDArray[np.bool_], points: Doubles
) -> npt.NDArray[np.float64]:
    """Points `(f, 4)`, z, y, x and brightness, with the densities of a staining; those given fill the cell evenly."""
    inside = np.sum((points / axes) ** 2, axis=1) < 1.0
    weight = np.where(in_nucleus, staining.ratio, 1.0)[inside]
    return np.concatenate([points[inside], (staining.brightness * weight / weight.sum())[:, None]], axis=1)


def even_points(axes: Doubles, rng: np.random.Generator) -> Doubles:
    """Points `(n, 3)` that fill the box of an ellipsoid, one in every cube of the pitch, anywhere in it."""
    counts = np.ceil(2 * axes / POINT_PITCH_UM).astype(np.int64)
    corners = np.stack(np.meshgrid(*(np.arange(c) for c in counts.tolist()), indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray((corners + rng.random(corners.shape)) * POINT_PITCH_UM - axes)


def gfp_area_ratio(staining: Staining, cell_um: Floats, nucleus_um: Floats) -> float:
    """Area where the projected fluorophore exceeds half of its maximum, over the area of the cell.

    The truth of the published comparison is the area of the GFP over that of the cell; the threshold is ours. The
    arguments are the lengths of rays in cell and nucleus.
    """
    if math.isnan(staining.ratio):
        return math.nan
    glow = (cell_um - nucleus_um) + staining.ratio * nucleus_um
    return float(np.mean(glow[cell_um > 0] > 0.5 * glow.max()))


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def _log_between(limits: tuple[float, float], share: float) -> float:
    return float(limits[0] * (limits[1] / limits[0]) ** share)
