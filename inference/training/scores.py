"""How well answers agree with truth, when some classes are rare and clusters have no names."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Integers = npt.NDArray[np.integer]


def confusion(truth: Integers, predicted: Integers, classes: int, answers: int) -> npt.NDArray[np.int64]:
    """Return the counts `(classes, answers)`, truth on the rows."""
    flat = np.bincount(truth.astype(np.int64) * answers + predicted, minlength=classes * answers)
    return flat.reshape(classes, answers)


def balanced_accuracy(truth: Integers, predicted: Integers, classes: int) -> float:
    """Return the mean over the classes that occur of the share answered rightly."""
    rates = _row_rates(confusion(truth, predicted, classes, classes))
    return float(np.diagonal(rates)[np.isin(np.arange(classes), truth)].mean())


def match_clusters(truth: Integers, cluster: Integers, classes: int, clusters: int) -> npt.NDArray[np.int64]:
    """Give each cluster a class, one to one, so that the balanced accuracy is largest (Hungarian assignment).

    Returns
    -------
    npt.NDArray[np.int64]
        `(clusters,)` class of each cluster, -1 for clusters left over.
    """
    # Rows are normalised first: on raw counts the big class would decide every doubt.
    rates = _row_rates(confusion(truth, cluster, classes, clusters))
    matched_class, matched_cluster = linear_sum_assignment(rates, maximize=True)
    result = np.full(clusters, -1, dtype=np.int64)
    result[matched_cluster] = matched_class
    return result


def cluster_accuracy(truth: Integers, cluster: Integers, classes: int, clusters: int) -> float:
    """Return the balanced accuracy of clusters under their best one-to-one matching with classes."""
    matched = match_clusters(truth, cluster, classes, clusters)[cluster]
    # A column beside the classes takes what belongs to no class.
    rates = _row_rates(confusion(truth, np.where(matched < 0, classes, matched), classes, classes + 1))
    return float(np.diagonal(rates[:, :classes])[np.isin(np.arange(classes), truth)].mean())


def _row_rates(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
