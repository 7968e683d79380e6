"""A gate on cluster 1 must still hold the cells that it was drawn for when the clusters have been fitted again."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from inference.errors import TrainingError
from inference.training.refit import least_cells, mixture_as_seen, posterior, refitted

MIDDLES = np.array([[0.0, 0, 0], [5, 0, 0], [0, 5, 0]])


def cells(n: int, seed: int, moved: float = 0.0, shares: tuple[float, ...] = (0.5, 0.3, 0.2)) -> tuple:
    """Embeddings of three kinds that drift along one axis together, and their kinds."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=shares)
    return (MIDDLES[kind] + rng.normal(0, 1, (n, 3)) + [moved, 0, 0]).astype(np.float32), kind


def certain(kind: np.ndarray) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[kind]


def test_clusters_follow_a_drift_that_frozen_ones_lose() -> None:
    first, kind = cells(3000, 0)
    frozen = mixture = mixture_as_seen(first, certain(kind))
    for step in range(1, 7):
        seen, kind = cells(1500, step, moved=0.75 * step)
        before = posterior(frozen, seen).argmax(axis=1)
        found = refitted(seen, mixture)
        mixture = found.mixture
        assert found.distance.max() < 1.0
    assert (posterior(mixture, seen).argmax(axis=1) == kind).mean() > 0.97
    assert (before == kind).mean() < 0.8


def test_other_shares_of_the_same_kinds_keep_their_numbers() -> None:
    first, kind = cells(3000, 0)
    seen, kind_now = cells(1500, 1, shares=(0.1, 0.2, 0.7))
    found = refitted(seen, mixture_as_seen(first, certain(kind)))
    assert (posterior(found.mixture, seen).argmax(axis=1) == kind_now).mean() > 0.97
    np.testing.assert_allclose(found.mixture.weight, (0.1, 0.2, 0.7), atol=0.04)


def test_responsibilities_are_those_of_scikit_learn() -> None:
    seen, kind = cells(900, 3)
    mixture = mixture_as_seen(seen, certain(kind))
    peer = GaussianMixture(3)
    peer.weights_, peer.means_, peer.precisions_cholesky_ = mixture.weight, mixture.mean, mixture.precision_factor
    np.testing.assert_allclose(posterior(mixture, seen), peer.predict_proba(seen), atol=1e-5)


def test_a_cluster_whose_cells_are_gone_is_not_given_to_others() -> None:
    first, kind = cells(3000, 0)
    old = mixture_as_seen(first, certain(kind))
    seen, _ = cells(1500, 1, shares=(0.7, 0.3, 0.0))
    stranger = np.random.default_rng(5).normal(8, 0.5, (400, 3)).astype(np.float32)
    with pytest.raises(TrainingError, match="cannot be found again"):
        refitted(np.concatenate([seen, stranger]), old)


def test_too_few_cells_are_refused() -> None:
    seen, kind = cells(200, 4)
    mixture = mixture_as_seen(seen, certain(kind))
    with pytest.raises(TrainingError, match="90 are needed"):
        refitted(seen[: least_cells(3, 3) - 1], mixture)
    with pytest.raises(TrainingError, match="Cluster 2 holds too few"):
        mixture_as_seen(seen, certain(np.where(kind == 2, 0, kind)))
