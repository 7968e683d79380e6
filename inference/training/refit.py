"""A mixture fitted again to the cells of a run, on a frozen encoder, whose clusters stay who they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from inference.errors import TrainingError
from inference.training.identity import match_clusters_of
from inference.training.mixture import Covariance, Mixture
from inference.training.quiet import ignoring

Doubles = npt.NDArray[np.float64]

_REGULARISER = 1e-3
_MOST_STEPS = 300
_CELLS_PER_DIMENSION = 10
_LEAST_CELLS_PER_CLUSTER = 10


@dataclass(frozen=True)
class Refitted:
    """What became of a mixture.

    Attributes
    ----------
    mixture
        The new one, its clusters in the order of the old ones.
    distance
        `(k,)`, Bhattacharyya distance of each cluster from the old one.
    """

    mixture: Mixture
    distance: Doubles


def least_cells(clusters: int, dimensions: int) -> int:
    """Return how many cells a refit needs: ten for each dimension and cluster, as full covariances do."""
    return _CELLS_PER_DIMENSION * clusters * dimensions


def mixture_as_seen(embedding: npt.ArrayLike, posterior: npt.ArrayLike) -> Mixture:
    """Return the mixture that a bundle's own clusters make of the cells of a run.

    A bundle's mixture is a part of its graph. What matters for telling clusters again is where the cells lie that it
    puts into each.

    Parameters
    ----------
    embedding, posterior
        `(n, d)` and `(n, k)`, as the bundle answered.

    Raises
    ------
    TrainingError
        If a cluster holds fewer than ten cells.
    """
    values, share = np.asarray(embedding, dtype=np.float64), np.asarray(posterior, dtype=np.float64)
    held = share.sum(axis=0)
    if held.min() < _LEAST_CELLS_PER_CLUSTER:
        raise TrainingError(f"Cluster {int(held.argmin())} holds too few cells of this run to be told again.")
    mean = (share.T @ values) / held[:, None]
    apart = values[:, None] - mean
    covariance = np.einsum("nk,nkd,nke->kde", share, apart, apart) / held[:, None, None]
    covariance += _regulariser(values) * np.eye(values.shape[1])
    factor = np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariance)), 1, 2)
    return _in_the_embedding(held / held.sum(), mean, factor)


def refitted(embedding: npt.ArrayLike, old: Mixture) -> Refitted:
    """Fit a mixture to embeddings, beginning where the old one stands, and tell which cluster is which.

    Expectation and maximisation begin with the old weights, means and shapes, so that clusters follow what drifts;
    `match_clusters_of` then says whether they are still the same.

    Parameters
    ----------
    embedding
        `(n, d)` of the cells of a run.
    old
        Of the same embedding; see `mixture_as_seen`.

    Raises
    ------
    TrainingError
        If there are too few cells, or a cluster cannot be found again.
    """
    values = np.asarray(embedding, dtype=np.float64)
    n, dimensions = values.shape
    if n < (least := least_cells(old.clusters, dimensions)):
        raise TrainingError(f"There are only {n} cells to fit {old.clusters} clusters to again; {least} are needed.")
    gaussian = GaussianMixture(
        n_components=old.clusters,
        weights_init=old.weight / old.weight.sum(),
        means_init=old.mean,
        precisions_init=old.precision_factor @ np.swapaxes(old.precision_factor, 1, 2),
        reg_covar=_regulariser(values),
        max_iter=_MOST_STEPS,
        random_state=0,
    )
    try:
        # On busy cores, threads that wait for each other take ten times as long.
        with ignoring(ConvergenceWarning), threadpool_limits(1):
            gaussian.fit(values)
    except ValueError as error:
        raise TrainingError(f"The clusters could not be fitted again ({error}).") from None
    new = _in_the_embedding(gaussian.weights_, gaussian.means_, gaussian.precisions_cholesky_)
    identity = match_clusters_of(old, new)
    if identity.vanished:
        lost = ", ".join(map(str, identity.vanished))
        raise TrainingError(f"Of the clusters of before, {lost} cannot be found again.")
    order = np.argsort(identity.old_of_new)
    same = replace(
        new,
        weight=new.weight[order],
        mean=new.mean[order],
        precision_factor=np.ascontiguousarray(new.precision_factor[order]),
    )
    return Refitted(same, identity.distance[order])


def posterior(mixture: Mixture, embedding: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the responsibilities `(n, k)` of embeddings `(n, d)`."""
    distance = mixture.squared_distance(np.asarray(embedding, dtype=np.float64))
    return np.asarray(softmax(mixture.log_normaliser - 0.5 * distance, axis=1), dtype=np.float32)


def _regulariser(values: Doubles) -> float:
    return max(_REGULARISER * float(values.var(axis=0).mean()), np.finfo(np.float64).tiny)


def _in_the_embedding(weight: Doubles, mean: Doubles, factor: Doubles) -> Mixture:
    """Return a mixture of embeddings as they are."""
    dimensions = mean.shape[1]
    return Mixture(
        centre=np.zeros(dimensions),
        spread=np.ones(dimensions),
        rotation=np.eye(dimensions),
        weight=weight,
        mean=mean,
        precision_factor=factor,
        covariance=Covariance.FULL,
        condition=float(max(np.linalg.cond(part) for part in factor) ** 2),
        bic={},
    )
