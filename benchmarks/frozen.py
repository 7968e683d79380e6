"""Classifiers of frozen latents: what an encoder is worth with all labels, or with a few set by hand."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from inference.training.scores import balanced_accuracy

DRAWS = 20
_REGULARISED = 0.1

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int32]


class Classifier(StrEnum):
    """What tells classes by latents."""

    LINEAR = "linear"
    """Logistic regression, every class weighing the same."""
    NEAREST = "nearest"
    """The nearest labelled cell."""


def linear(seen: Floats, label: Labels, new: Floats, truth: Labels) -> float:
    """Return the balanced accuracy on `new`, `(m, d)`, of a linear classifier fitted to `seen`, `(n, d)`."""
    model = make_pipeline(StandardScaler(), _logistic())
    with threadpool_limits(1):
        told = model.fit(seen, label).predict(new)
    return balanced_accuracy(truth, told, int(truth.max()) + 1)


def few_labels(
    seen: Floats, label: Labels, new: Floats, truth: Labels, shots: int, classifier: Classifier
) -> tuple[float, float]:
    """Return mean and spread over 20 draws of the balanced accuracy of so many labels per class.

    Latents are brought to unit spread by all of `seen`, which takes no labels.

    Parameters
    ----------
    seen, label
        `(n, d)` and `(n,)`, what the labelled cells are drawn from.
    new, truth
        `(m, d)` and `(m,)`, what is judged.
    """
    scaler = StandardScaler().fit(seen)
    known, judged = scaler.transform(seen), scaler.transform(new)
    rng, found = np.random.default_rng(shots), []
    for _ in range(DRAWS):
        rows = np.concatenate([rng.choice(np.flatnonzero(label == k), shots, replace=False) for k in np.unique(label)])
        model = _logistic() if classifier is Classifier.LINEAR else KNeighborsClassifier(1)
        with threadpool_limits(1):
            told = model.fit(known[rows], label[rows]).predict(judged)
        found.append(balanced_accuracy(truth, told, int(truth.max()) + 1))
    return float(np.mean(found)), float(np.std(found))


def _logistic() -> LogisticRegression:
    return LogisticRegression(C=_REGULARISED, max_iter=3000, class_weight="balanced")
