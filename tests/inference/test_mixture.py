"""Clusters must be the mixture's, in double precision at training and in single precision in the graph alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from toy_cells import CHANNEL

from inference.engine import Engine
from inference.errors import PrecisionWarning, TrainingError
from inference.training.evaluate import choice_metrics
from inference.training.export import export_graphs
from inference.training.graphs import LiveGraph, TrainedParts
from inference.training.mixture import Covariance, Mixture, check_condition, fit_best_mixture, fit_mixture


def blobs(n: int, dimensions: int, seed: int = 0, stretch: float = 1.0) -> np.ndarray:
    """Three groups in a latent whose axes have very different scales."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 6, (3, dimensions))
    values = centres[rng.integers(0, 3, n)] + rng.normal(0, 1, (n, dimensions))
    return values * np.geomspace(1, stretch, dimensions) + 5


def scikit_learn_of(mixture: Mixture) -> GaussianMixture:
    """scikit-learn's own evaluation of the frozen components."""
    gaussian = GaussianMixture(n_components=mixture.clusters, covariance_type="full")
    gaussian.weights_, gaussian.means_ = mixture.weight, mixture.mean
    gaussian.precisions_cholesky_ = mixture.precision_factor
    return gaussian


def test_the_embedding_has_its_axes_ordered_by_variance_and_is_a_rotation() -> None:
    latent = blobs(600, 6, stretch=100)
    mixture = fit_mixture(latent, 3, seed=0)
    embedding = mixture.embed(latent)
    variance = embedding.var(axis=0)
    assert (np.diff(variance) < 1e-12).all()
    np.testing.assert_allclose(mixture.rotation.T @ mixture.rotation, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(variance.sum(), 6, rtol=1e-9)


def test_covariances_are_full_where_there_are_cells_enough_and_tied_where_not() -> None:
    assert fit_mixture(blobs(600, 6), 3, seed=0).covariance == "full"
    assert fit_mixture(blobs(150, 6), 3, seed=0).covariance == "tied"


def test_responsibilities_and_distances_agree_with_scikit_learn() -> None:
    latent = blobs(600, 6)
    mixture = fit_mixture(latent, 3, seed=0)
    embedding = mixture.embed(latent)
    gaussian = scikit_learn_of(mixture)
    np.testing.assert_array_equal(mixture.cluster(embedding), gaussian.predict(embedding))
    nearest = [
        np.sqrt((row - mean) @ factor @ factor.T @ (row - mean))
        for row in embedding[:5]
        for mean, factor in zip(mixture.mean, mixture.precision_factor, strict=True)
    ]
    np.testing.assert_allclose(mixture.novelty(embedding[:5]), np.reshape(nearest, (5, 3)).min(axis=1))


def test_the_heaviest_cluster_comes_first_so_that_names_keep_their_meaning() -> None:
    assert (np.diff(fit_mixture(blobs(600, 4), 3, seed=0).weight) <= 0).all()


def test_a_mixture_is_the_same_for_the_same_seed() -> None:
    first, second = (fit_mixture(blobs(300, 4), 3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.mean, second.mean)


def test_a_dead_latent_axis_does_not_become_noise() -> None:
    latent = np.column_stack([blobs(300, 4), np.random.default_rng(0).normal(0, 1e-9, 300)])
    mixture = fit_mixture(latent, 3, seed=0)
    assert mixture.embed(latent).var(axis=0)[-1] < 1e-6


@pytest.mark.parametrize("latent", [np.zeros((300, 4)), np.zeros((4, 4)), np.zeros((3, 1))])
def test_a_latent_without_content_is_refused(latent: np.ndarray) -> None:
    with pytest.raises(TrainingError):
        fit_mixture(latent, 3, seed=0)


def test_the_graph_answers_as_scikit_learn_does(
    toy_engine: Engine, toy_trained: TrainedParts, toy_images: np.ndarray
) -> None:
    mixture = toy_trained.mixture
    results = toy_engine.answer_arrays(np.arange(len(toy_images), dtype=np.uint64), {CHANNEL: toy_images})
    embedding = results.embedding.astype(np.float64)
    wanted = scikit_learn_of(mixture).predict_proba(embedding)
    np.testing.assert_allclose(results.cluster_posterior, wanted, atol=1e-4)
    np.testing.assert_array_equal(results.cluster, wanted.argmax(axis=1))
    np.testing.assert_allclose(results.novelty, toy_trained.novelty.score.score(embedding), rtol=1e-4)


def conditioned(mixture: Mixture, condition: float) -> Mixture:
    """Three overlapping clusters in the embedding of a mixture, of the covariances' condition that is asked for."""
    d = mixture.mean.shape[1]
    rng = np.random.default_rng(1)
    turns = [np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(3)]
    covariance = np.stack([turn * np.geomspace(9, 9 / condition, d) @ turn.T for turn in turns])
    factor = np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariance)), 1, 2)
    return replace(
        mixture,
        weight=np.array([0.5, 0.3, 0.2]),
        mean=rng.normal(0, 0.1, (3, d)),
        precision_factor=factor,
        condition=float(np.linalg.cond(factor[0]) ** 2),
    )


def test_single_precision_answers_as_scikit_learn_does_however_stretched_clusters_are(
    toy_trained: TrainedParts, toy_images: np.ndarray
) -> None:
    mixture = conditioned(toy_trained.mixture, 0.99e4)
    graph = LiveGraph(replace(toy_trained, mixture=mixture)).eval()
    with torch.inference_mode():
        embedding, posterior, *_ = graph(torch.from_numpy(toy_images))
    wanted = scikit_learn_of(mixture).predict_proba(embedding.numpy().astype(np.float64))
    assert ((wanted > 0.02) & (wanted < 0.98)).any()
    np.testing.assert_allclose(posterior.numpy(), wanted, atol=1e-4)


def test_an_export_warns_of_stretched_clusters_and_refuses_hopeless_ones(toy_trained: TrainedParts) -> None:
    mixture = conditioned(toy_trained.mixture, 10.0)
    check_condition(replace(mixture, condition=1e4))
    with pytest.warns(PrecisionWarning, match="fourth digit"):
        check_condition(replace(mixture, condition=1.1e4))
    with pytest.raises(TrainingError, match="choose a smaller latent or tied covariances"):
        export_graphs(replace(toy_trained, mixture=replace(mixture, condition=1.1e6)))


@pytest.mark.parametrize("covariance", [Covariance.FULL, Covariance.TIED])
def test_the_number_of_clusters_is_found_where_they_stand_apart(covariance: Covariance) -> None:
    mixture = fit_best_mixture(blobs(400, 3, seed=3), 5, seed=0, covariance=covariance)
    assert (mixture.clusters, mixture.covariance) == (3, covariance)
    assert list(mixture.bic) == [1, 2, 3, 4, 5]
    assert min(mixture.bic, key=lambda number: mixture.bic[number]) == 3


def test_the_report_shows_the_numbers_of_clusters_that_were_tried(toy_trained: TrainedParts) -> None:
    tried = replace(toy_trained.mixture, bic={2: 90.5, 3: 80.0})
    above = choice_metrics(replace(toy_trained, mixture=tried))["bic_above_least"]
    assert above == {"clusters: 2": 10.5, "clusters: 3": 0.0}
    assert "bic_above_least" not in choice_metrics(toy_trained)


def test_training_leaves_torch_as_it_was() -> None:
    torch.manual_seed(11)
    wanted = torch.rand(3)
    torch.manual_seed(11)
    fit_mixture(blobs(300, 4), 3, seed=0)
    torch.testing.assert_close(torch.rand(3), wanted)
