"""What an answer loses while a place of the image is empty (Zeiler 2014), by the scores that maps explain."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from inference.evaluation.explainer import Explainer
from inference.evaluation.perturbed import occluded

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

PATCHES = {2: 8, 3: 4}
"""Along each axis of a flat image and of a volume."""


def probability(engine: Explainer, images: Mapping[str, Floats], target: int) -> Doubles:
    """Return the probability `(n,)` of one target by the scores that the maps explain."""
    logits = engine.explain(images, target).class_logits.astype(np.float64)
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weight[:, target] / weight.sum(axis=1))


def lost_by_emptying(engine: Explainer, cell: Mapping[str, Floats], channel: str, target: int) -> Doubles:
    """Return by how much each patch's absence lowers the log probability of one cell's target, `(patches,)`.

    Parameters
    ----------
    cell
        By channel, one cell's images, without a batch axis.
    channel
        Which of them has a patch emptied; `PATCHES` of them along each axis, in C order.
    """
    whole = {name: image[None] for name, image in cell.items()}
    tiny = np.finfo(np.float64).tiny
    before, after = (
        np.log(probability(engine, images, target) + tiny)
        for images in (whole, occluded(cell, channel, PATCHES[cell[channel].ndim]))
    )
    return np.asarray(before - after)


def as_maps(lost: Doubles, dimensions: int) -> Floats:
    """Return `(n, patches)` losses as maps `(n, ...)` with a place for each patch; what is gained counts as 0."""
    return np.maximum(lost, 0).astype(np.float32).reshape(len(lost), *(PATCHES[dimensions],) * dimensions)
