"""In which order an epoch goes through the cells, and what the encoders are told of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.errors import TrainingError
from inference.training.concept_lessons import ConceptLessons
from inference.training.concepts import ConceptEncoders
from inference.training.data import TrainingSet
from inference.training.models import Encoders
from inference.training.options import Learning, TrainingOptions
from inference.training.pairs import Pairs


class Lessons:
    """The epochs of a training; each is drawn from the seed and its own number.

    Raises
    ------
    TrainingError
        If pairs or concepts are to be learnt from, and cells or options do not give any.
    """

    def __init__(self, train: TrainingSet, options: TrainingOptions) -> None:
        self._told = torch.from_numpy(train.label.astype(np.int64))
        self._seed = options.seed
        self._pairs = Pairs(train.factors) if options.learning is Learning.FACTORS else None
        self._concepts = ConceptLessons(train, options) if options.concepts else None
        if self._concepts is not None and options.concept_weight:
            has = np.stack([train.factors[name] for name in options.concepts], axis=1)
            self._told = torch.from_numpy(np.column_stack([train.label, has]).astype(np.float32))
        if self._pairs is not None and options.batch % 2:
            raise TrainingError("The training option 'batch' must be even where pairs of cells are learnt from.")

    def of_epoch(self, number: int) -> tuple[npt.NDArray[np.intp], Tensor]:
        """Return rows of cells, and what is told of each: its class, and the concepts that are taught, if any.

        See `ConceptEncoders.loss`, and `VariationalAutoencoders.loss` for what is told of pairs.
        """
        seed = self._seed * 1_000_003 + number
        if self._pairs is not None:
            rows, shared = self._pairs.draw(np.random.default_rng(seed))
            told = np.stack([shared.astype(np.float32), self._pairs.values(rows)], axis=1)
            return rows, torch.from_numpy(told)
        order = torch.randperm(len(self._told), generator=torch.Generator().manual_seed(seed))
        return order.numpy(), self._told[order]

    def begin(self, model: Encoders) -> None:
        """Do what comes before the first epoch."""
        if self._concepts is not None and isinstance(model, ConceptEncoders):
            self._concepts.begin(model)

    def after_batch(self, model: Encoders, epoch: int, number: int) -> None:
        """Do what comes between batches besides learning."""
        if self._concepts is not None and isinstance(model, ConceptEncoders):
            self._concepts.after_batch(model, epoch, number)
