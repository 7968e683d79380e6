"""Answers against the truth, class by class: what balanced accuracy alone does not tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from inference.training.scores import confusion, match_clusters

Integers = npt.NDArray[np.integer]
UNMATCHED = "no class"
"""Name of the answer of clusters that are left over when each class has its own."""


class ClassScores(BaseModel):
    """How well one class is found.

    Precision and F1 are 0 where nothing was answered so.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    cells: int
    """Cells that truly are of this class."""
    precision: float
    recall: float
    f1: float


class Agreement(BaseModel):
    """Answers against the truth."""

    model_config = ConfigDict(frozen=True)

    names: tuple[str, ...]
    """Of the confusion matrix's rows, and of its columns but one that may follow: `UNMATCHED`."""
    confusion: tuple[tuple[int, ...], ...]
    """Counts; truth on the rows (y), prediction on the columns (x)."""
    accuracy: float
    """Share of cells answered rightly."""
    balanced_accuracy: float
    """Mean recall of the classes that occur."""
    classes: tuple[ClassScores, ...]

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the confusion matrix's columns."""
        return self.names if len(self.confusion[0]) == len(self.names) else (*self.names, UNMATCHED)


def agreement(truth: Integers, predicted: Integers, names: Sequence[str]) -> Agreement:
    """Compare answers with the truth.

    Parameters
    ----------
    truth, predicted
        `(n,)` indices into names, n at least 1; what is predicted may also be -1, for no class.
    """
    n = len(names)
    wide = n + int(bool((predicted < 0).any()))
    counts = confusion(truth, np.where(predicted < 0, n, predicted), n, wide)
    right = np.diagonal(counts)
    recall = right / np.maximum(counts.sum(axis=1), 1)
    precision = right / np.maximum(counts.sum(axis=0)[:n], 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    occurs = counts.sum(axis=1) > 0
    return Agreement(
        names=tuple(names),
        confusion=tuple(tuple(row) for row in counts.tolist()),
        accuracy=float(right.sum() / counts.sum()),
        balanced_accuracy=float(recall[occurs].mean()),
        classes=tuple(
            ClassScores(
                name=name,
                cells=int(counts[i].sum()),
                precision=float(precision[i]),
                recall=float(recall[i]),
                f1=float(f1[i]),
            )
            for i, name in enumerate(names)
        ),
    )


def cluster_agreement(truth: Integers, cluster: Integers, names: Sequence[str], clusters: int) -> Agreement:
    """Compare clusters with the truth, each named after the class that the best one-to-one matching gives it.

    The matching is the Hungarian one on the row-normalised confusion matrix, which makes the balanced accuracy as large
    as it can be.
    """
    matched = match_clusters(truth, cluster, len(names), clusters)
    return agreement(truth, matched[cluster], names)
