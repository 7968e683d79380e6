"""The maps that can be made of one cell: by the bundle itself, by emptying places, and by covering squares."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from inference.engine import Engine
from inference.evaluation.explainer import MapsOf, explainer_of
from inference.evaluation.occlusion import as_maps, lost_by_emptying
from inference.hot_map import hot_map

Floats = npt.NDArray[np.float32]


class Way(StrEnum):
    """How evidence is found."""

    GRADIENT = "gradient"
    """By the maps of the bundle's explain graph."""
    OCCLUSION = "occlusion"
    """By emptying the image patch by patch, and asking what is left of the target's log probability."""
    COVERING = "covering"
    """By covering the image square by square, and asking again: paper C's reverse probability."""


def map_by(
    way: Way, engine: Engine, cell: Mapping[str, Floats], channel: str, target: int, *, clusters: bool = False
) -> Floats:
    """Return the evidence for one target in one channel of a cell, high where it matters and not negative.

    Parameters
    ----------
    cell
        By channel, one cell's images, without a batch axis.
    target
        Index into the contract's targets, or with `clusters` into its clusters.

    Returns
    -------
    Floats
        As many axes as the image and of a resolution of its own; in the units of the way.

    Raises
    ------
    AnswerError
        If there is no such channel, target or map.
    """
    if way is Way.COVERING:
        return hot_map(engine, cell, channel, target, clusters=clusters).evidence
    explainer = explainer_of(engine, MapsOf.CLUSTERS if clusters else MapsOf.HEAD)
    if way is Way.OCCLUSION:
        lost = lost_by_emptying(explainer, cell, channel, target)
        return np.asarray(as_maps(lost[None], cell[channel].ndim)[0], dtype=np.float32)
    own = explainer.explain({name: image[None] for name, image in cell.items()}, target)
    return np.asarray(own.maps[channel][0], dtype=np.float32)
