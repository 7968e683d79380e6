"""Unlike is the safe answer of a cytometer: it has to be given to cells of a kind that no training saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL

from inference.bundle import Bundle
from inference.engine import Engine
from inference.training.doubt import fit_doubt
from inference.training.export import export_graphs
from inference.training.graphs import TrainedParts
from inference.training.mixture import fit_mixture
from inference.training.novelty import (
    MOST_PROTOTYPES,
    MixtureNovelty,
    NeighbourNovelty,
    NoveltyChoice,
    NoveltyScore,
    SummedNovelty,
    choose_novelty,
    fit_scores,
    leave_one_class_out,
    simplest_of_the_best,
)
from inference.training.novelty_modules import novelty_module

RING = 8


def kinds(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four classes on a plane, of very different spread, in a latent of five axes."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 4, n)
    centres = np.array([[RING, 0], [0, RING], [-RING, 0], [0, -RING]], dtype=float)
    values = np.zeros((n, 5))
    values[:, :2] = centres[label]
    return values + rng.normal(0, 1, (n, 5)) * [1, 1, 0.5, 0.3, 0.1], label


def scores(n: int = 400) -> dict[str, NoveltyScore]:
    latent, label = kinds(n, 0)
    mixture = fit_mixture(latent, 4, seed=0)
    return fit_scores(mixture.embed(latent), label, mixture, 0)


def test_a_class_that_was_left_out_is_found() -> None:
    latent, label = kinds(600, 1)
    auroc = leave_one_class_out(latent, label, 3, 0)
    assert auroc.keys() == {"mixture", "neighbours", "relative", "doubtful", "apart"}
    assert min(auroc["neighbours"].mean(), auroc["mixture"].mean()) > 0.97


def test_a_bundle_answers_with_the_score_that_was_chosen() -> None:
    latent, label = kinds(600, 1)
    mixture = fit_mixture(latent, 4, seed=0)
    embedding = mixture.embed(latent)
    areas = leave_one_class_out(embedding, label, mixture.clusters, 0)
    choice = choose_novelty(embedding, label, mixture, 0)
    assert choice.auroc == {name: each.mean() for name, each in areas.items()}
    wanted = fit_scores(embedding, label, mixture, 0)[simplest_of_the_best(areas)]
    np.testing.assert_array_equal(choice.score.score(embedding), wanted.score(embedding))


def test_a_score_is_not_taken_for_what_chance_makes_of_few_classes() -> None:
    """Of three classes one is found better and one worse, by which nobody can tell the scores apart."""
    simple = np.array([0.99, 0.80, 0.95])
    by_chance, clearly = (simple + np.array(gain) for gain in ([-0.04, 0.12, 0.03], [0.005, 0.12, 0.04]))
    assert simplest_of_the_best({"mixture": simple, "doubtful": by_chance}) == "mixture"
    assert simplest_of_the_best({"mixture": simple, "doubtful": clearly}) == "doubtful"
    assert simplest_of_the_best({"mixture": simple - 0.2, "neighbours": simple, "doubtful": simple}) == "neighbours"


def test_without_labels_it_is_the_distance_to_the_mixture() -> None:
    latent, label = kinds(400, 1)
    mixture = fit_mixture(latent, 4, seed=0)
    for known in (np.full_like(label, -1), np.where(label == 0, 0, -1), np.where(np.arange(400) < 9, label, -1)):
        choice = choose_novelty(mixture.embed(latent), known, mixture, 0)
        assert isinstance(choice.score, MixtureNovelty) and choice.auroc == {}


def test_the_fifth_neighbour_is_found_as_by_looking_at_every_cell() -> None:
    latent, _ = kinds(100, 3)
    far = np.random.default_rng(0).normal(0, 20, (7, 5))
    wanted = np.sort(np.linalg.norm(far[:, None] - latent, axis=2), axis=1)[:, 4]
    np.testing.assert_allclose(NeighbourNovelty(latent).score(far), wanted)


def test_a_cell_between_two_classes_is_more_novel_by_doubt() -> None:
    """Two cells equally far from their neighbours: one between classes, one behind a class that it surely is."""
    latent, label = kinds(400, 1)
    mixture = fit_mixture(latent, 4, seed=0)
    score = fit_scores(latent, label, mixture, 0)["doubtful"]
    assert isinstance(score, SummedNovelty)
    between, behind = np.zeros((1, 5)), np.array([[2.0 * RING, 0, 0, 0, 0]])
    doubt = score.second.score(np.concatenate([between, behind]))
    assert doubt[0] > doubt[1] + 3 * score.second_spread
    np.testing.assert_allclose(*score.first.score(np.concatenate([between, behind])), rtol=0.5)
    assert score.score(between) > score.score(behind)


@pytest.mark.parametrize("classes", [2, 3])
def test_doubt_is_that_of_the_classifier_whatever_the_number_of_classes(classes: int) -> None:
    latent, label = kinds(400, 2)
    kept = label < classes
    doubt = fit_doubt(latent[kept], label[kept])
    scores = latent[kept] @ doubt.weight + doubt.offset
    assert scores.shape[1] == classes
    assert (scores.argmax(axis=1) == label[kept]).mean() > 0.99
    np.testing.assert_allclose(doubt.score(latent[kept]), -np.log(np.exp(scores).sum(axis=1)))


def test_between_fewer_than_two_classes_there_is_no_doubt() -> None:
    latent, label = kinds(200, 2)
    mixture = fit_mixture(latent, 4, seed=0)
    fitted = fit_scores(latent, np.zeros_like(label), mixture, 0)
    alone, module = fitted["doubtful"], novelty_module(fitted["doubtful"])
    assert isinstance(alone, SummedNovelty) and module is not None
    wanted = fitted["neighbours"].score(latent + 1) / alone.first_spread
    np.testing.assert_allclose(alone.score(latent + 1), wanted)
    np.testing.assert_allclose(module(torch.from_numpy((latent + 1).astype(np.float32))), wanted, rtol=1e-3)
    np.testing.assert_allclose(fitted["apart"].score(latent + 1), wanted)


def test_no_more_cells_are_kept_than_the_graph_should_hold() -> None:
    latent, _ = kinds(MOST_PROTOTYPES + 100, 3)
    mixture = fit_mixture(latent[:500], 2, seed=0)
    kept = fit_scores(latent, np.zeros(len(latent), dtype=int), mixture, 0)["neighbours"]
    assert isinstance(kept, NeighbourNovelty) and len(kept.bank) == MOST_PROTOTYPES


@pytest.mark.parametrize("name", ["neighbours", "relative", "doubtful", "apart"])
def test_single_precision_scores_as_double_does(name: str) -> None:
    score = scores()[name]
    module = novelty_module(score)
    assert module is not None
    embedding = np.random.default_rng(5).normal(0, 3, (50, 5)).astype(np.float32)
    wanted = score.score(embedding.astype(np.float64))
    np.testing.assert_allclose(module(torch.from_numpy(embedding)).numpy(), wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["neighbours", "relative", "doubtful"])
def test_the_graph_answers_with_the_score_that_was_chosen(
    toy_bundle: Bundle, toy_trained: TrainedParts, toy_images: np.ndarray, name: str
) -> None:
    rng = np.random.default_rng(0)
    mixture = toy_trained.mixture
    embedding = rng.normal(0, 1, (300, mixture.mean.shape[1]))
    score = fit_scores(embedding, rng.integers(0, 3, 300), mixture, 0)[name]
    live, explain = export_graphs(replace(toy_trained, novelty=NoveltyChoice(score, {})))
    kept = toy_bundle.contract.model_dump(exclude={"sha256", "digest"})
    engine = Engine(Bundle.build(kept, live, explain), provider="cpu", threads=1)
    results = engine.answer_arrays(np.arange(len(toy_images), dtype=np.uint64), {CHANNEL: toy_images})
    wanted = score.score(results.embedding.astype(np.float64))
    np.testing.assert_allclose(results.novelty, wanted, atol=1e-4 * np.abs(wanted).max())
