"""What a bundle says of a set of cells, which are given to it as an instrument would."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.engine import Engine, Explanation
from inference.evaluation.explainer import Explainer
from inference.results import CellResults
from inference.targets import ARGMAX
from inference.training.data import TrainingSet

Images = dict[str, npt.NDArray[np.float32]]
_BATCH = 64


def batches_of(cells: TrainingSet) -> Iterator[tuple[slice, Images]]:
    """Give the cells' images in batches, with the rows that each holds."""
    for at in range(0, len(cells), _BATCH):
        rows = slice(at, at + _BATCH)
        yield rows, cells.as_given(rows)


def answers_of(engine: Engine, cells: TrainingSet) -> CellResults:
    """Return a bundle's answers for cells."""
    ids = np.arange(len(cells), dtype=np.uint64)
    return CellResults.concatenate([engine.answer_arrays(ids[rows], images) for rows, images in batches_of(cells)])


def explanations_of(explainer: Explainer, cells: TrainingSet, target: npt.ArrayLike | int = ARGMAX) -> Explanation:
    """Return a bundle's scores and maps for cells.

    Parameters
    ----------
    explainer
        An engine, or what asks it for clusters.
    target
        `(n,)` integers, or one for all: index into what it explains, -1 for the most likely.
    """
    targets = np.broadcast_to(np.asarray(target, dtype=np.int64), (len(cells),))
    parts = [explainer.explain(images, targets[rows]) for rows, images in batches_of(cells)]
    return Explanation(
        target=np.concatenate([part.target for part in parts]),
        class_logits=np.concatenate([part.class_logits for part in parts]),
        maps={name: np.concatenate([part.maps[name] for part in parts]) for name in parts[0].maps},
    )
