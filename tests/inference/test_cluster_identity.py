"""A cluster keeps its name through a refit, or gates and colours would swap under the user's hands."""

from __future__ import annotations

import numpy as np
import pytest

from inference.errors import TrainingError
from inference.training.identity import bhattacharyya, match_clusters_of
from inference.training.mixture import Mixture, fit_mixture

CENTRES = np.array([[0.0, 0, 0], [6, 0, 1], [0, 7, -2], [-6, -6, 3]])


def cells_of(counts: list[int], seed: int) -> np.ndarray:
    """So many cells of each group, in a latent whose axes have different scales."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(counts)), counts)
    return (CENTRES[group] + rng.normal(0, 1, (len(group), 3))) * [1, 10, 0.1] + 5


def nearest_group(mixture: Mixture, cluster: int) -> int:
    latent = mixture.mean[cluster] @ mixture.rotation.T * mixture.spread + mixture.centre
    return int(np.abs((latent - 5) / [1, 10, 0.1] - CENTRES).sum(axis=1).argmin())


def test_a_refit_in_another_order_keeps_every_identity() -> None:
    # The heaviest comes first, so other shares give another order.
    old, new = (
        fit_mixture(cells_of(counts, seed), 3, seed) for seed, counts in enumerate([[300, 200, 100], [90, 150, 400]])
    )
    identity = match_clusters_of(old, new)
    groups = [(nearest_group(old, was), nearest_group(new, now)) for now, was in enumerate(identity.old_of_new)]
    assert all(was == now for was, now in groups)
    assert identity.old_of_new.tolist() != [0, 1, 2]
    assert (identity.appeared, identity.vanished) == ((), ())
    assert (identity.distance < 0.1).all()


def test_a_cluster_that_vanished_and_one_that_is_new_are_named() -> None:
    old = fit_mixture(cells_of([300, 200, 100, 0], 1), 3, 0)
    new = fit_mixture(cells_of([300, 0, 200, 100], 2), 3, 0)
    identity = match_clusters_of(old, new)
    assert [nearest_group(old, cluster) for cluster in identity.vanished] == [1]
    assert [nearest_group(new, cluster) for cluster in identity.appeared] == [3]
    assert np.isnan(identity.distance[list(identity.appeared)]).all()


def test_more_and_fewer_clusters_can_be_matched() -> None:
    old = fit_mixture(cells_of([300, 200, 0, 0], 1), 2, 0)
    new = fit_mixture(cells_of([300, 200, 150, 100], 2), 4, 0)
    assert match_clusters_of(old, new).vanished == ()
    assert len(match_clusters_of(old, new).appeared) == 2
    assert len(match_clusters_of(new, old).vanished) == 2


def test_the_distance_is_the_closed_form() -> None:
    one = np.array([[0.0]]), np.array([[[1.0]]])
    other = np.array([[2.0]]), np.array([[[4.0]]])
    wanted = 4 / 8 / 2.5 + 0.5 * np.log(2.5 / 2)
    np.testing.assert_allclose(bhattacharyya(*one, *other), [[wanted]])
    np.testing.assert_allclose(bhattacharyya(*one, *one), [[0]], atol=1e-15)


def test_mixtures_of_different_encoders_are_not_compared() -> None:
    cells = cells_of([100, 100], 0)
    with pytest.raises(TrainingError, match="same encoder"):
        match_clusters_of(fit_mixture(cells, 2, 0), fit_mixture(cells[:, :2], 2, 0))
