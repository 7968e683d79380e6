"""Cells of a training set as a model takes them, some at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.training.data import TrainingSet
from inference.training.models import Encoders

EVALUATION_BATCH = 64
"""Cells at a time where nothing is learnt."""


def in_order(n: int) -> Iterator[npt.NDArray[np.intp]]:
    """Give the rows of `n` cells, in batches."""
    for at in range(0, n, EVALUATION_BATCH):
        yield np.arange(at, min(at + EVALUATION_BATCH, n))


def pooled(model: Encoders, cells: TrainingSet, rows: npt.NDArray[np.intp]) -> dict[str, Tensor]:
    """Return the pooled images of some cells, `(n, 1, ...)` float32 by channel, on the model's device."""
    return {
        name: torch.from_numpy(np.asarray(stack[rows], dtype=np.float32)).unsqueeze(1).to(model.device)
        for name, stack in cells.images.items()
    }
