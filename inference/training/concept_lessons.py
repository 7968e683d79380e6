"""Which cells concepts are told by, and when an encoder's axes are turned towards them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from inference.errors import TrainingError
from inference.training.batches import pooled
from inference.training.concepts import ConceptEncoders
from inference.training.data import TrainingSet
from inference.training.normalisation import settle
from inference.training.options import TrainingOptions

_EVERY = 30
"""Batches between two turns, as published; three times an epoch where that is more."""
_CELLS = 128
_LEAST_CELLS = 10


class ConceptLessons:
    """Cells of each concept, of those that are learnt from alone.

    Raises
    ------
    TrainingError
        If fewer than ten cells have a concept, or none is known to lack it.
    """

    def __init__(self, train: TrainingSet, options: TrainingOptions) -> None:
        self._train = train
        self._seed = options.seed
        self._rows: list[npt.NDArray[np.intp]] = []
        for name in options.concepts:
            values = train.factors.get(name, np.zeros(0))
            self._rows.append(np.flatnonzero(values == 1.0))
            if len(self._rows[-1]) < _LEAST_CELLS or not (values == 0.0).any():
                raise TrainingError(
                    f"At least {_LEAST_CELLS} training cells must have '{name}', and some lack it; choose another."
                )
        batches = -(-len(train) // options.batch)
        self._every = min(_EVERY, max(1, batches // 3))

    def begin(self, model: ConceptEncoders) -> None:
        """Turn the axes for the first time, by what the encoder sees before it learns."""
        settle(model, self._train)
        self._align(model, np.random.default_rng(self._seed))

    def after_batch(self, model: ConceptEncoders, epoch: int, number: int) -> None:
        """Turn the axes, if it is time; what is drawn depends on epoch and batch alone."""
        if (number + 1) % self._every == 0:
            self._align(model, np.random.default_rng((self._seed, epoch, number)))
            model.train()

    def _align(self, model: ConceptEncoders, rng: np.random.Generator) -> None:
        model.eval()
        with torch.no_grad():
            cells = []
            for rows in self._rows:
                some = rng.choice(rows, min(_CELLS, len(rows)), replace=False)
                cells.append(model.preprocess(pooled(model, self._train, np.sort(some))))
            model.align(cells)
