"""How little an embedding speaks for any class: the energy of a linear classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

Doubles = npt.NDArray[np.float64]

_REGULARISED = 0.01
"""Strongly: a classifier that is sure of everything has no doubt of what it never met."""
_MOST_STEPS = 1000


@dataclass(frozen=True)
class DoubtNovelty:
    """Minus the logarithm of the sum of the exponentials of the scores of all classes (Liu et al., NeurIPS 2020).

    Attributes
    ----------
    weight, offset
        `(d, c)` and `(c,)` of the scores; without columns where there are fewer than two classes to doubt between.
    """

    weight: Doubles
    offset: Doubles
    method: str = "doubt of the class"

    def score(self, embedding: Doubles) -> Doubles:
        """Return the doubt `(n,)` of embeddings `(n, d)`, 0 without classes."""
        if not len(self.offset):
            return np.zeros(len(embedding))
        return np.asarray(-logsumexp(embedding @ self.weight + self.offset, axis=1))


def fit_doubt(embedding: Doubles, label: npt.NDArray[np.integer]) -> DoubtNovelty:
    """Fit the classifier to embeddings `(n, d)` of known classes `(n,)`, every class weighing the same.

    Axes stay as loud against each other as they are: those that tell the known classes apart little shall count little.
    """
    if len(np.unique(label)) < 2:
        return DoubtNovelty(np.zeros((embedding.shape[1], 0)), np.zeros(0))
    spread = float(np.sqrt(embedding.var(axis=0).mean()))
    model = LogisticRegression(C=_REGULARISED, max_iter=_MOST_STEPS, class_weight="balanced")
    with threadpool_limits(1):
        model.fit(embedding / spread, label)
    weight, offset = model.coef_.T / spread, model.intercept_
    if len(offset) == 1:
        # Of two classes scikit-learn gives the difference of the scores alone.
        weight, offset = np.hstack([-weight, weight]) / 2, np.array([-offset[0], offset[0]]) / 2
    return DoubtNovelty(weight, offset)
