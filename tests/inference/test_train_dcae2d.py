"""A metric without its controls proves nothing: they stand in the bundle, and expose what a model has not learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL, draw_set

from inference.bundle import Bundle
from inference.engine import Engine
from inference.errors import TrainingError
from inference.report import describe, format_metrics
from inference.training.controls import control_accuracies, frame_features, hand_made_features
from inference.training.data import TrainingSet
from inference.training.export import _steepest, verify_export
from inference.training.graphs import TrainedParts


def test_the_toy_bundle_separates_the_toy_cells_of_a_run_it_never_saw(toy_bundle: Bundle) -> None:
    metrics = toy_bundle.contract.metrics
    assert metrics["class_balanced_accuracy"]["model"] > 0.8
    assert metrics["cluster_balanced_accuracy"]["model"] > 0.6
    assert metrics["reconstruction_mse"].keys() == {"model", "mean_image"}


def test_every_accuracy_stands_beside_its_controls(toy_bundle: Bundle) -> None:
    for name in ("class_balanced_accuracy", "cluster_balanced_accuracy"):
        values = toy_bundle.contract.metrics[name]
        controls = {"majority_class", "background_only", "hand_made_features", "boosted_features"}
        assert values.keys() == {"model", *controls}
        assert values["majority_class"] == pytest.approx(1 / 3)
        assert values["background_only"] < 0.6
        assert values["hand_made_features"] > 0.9 and values["boosted_features"] > 0.9


def test_the_threshold_calls_about_as_many_cells_novel_as_it_says(toy_bundle: Bundle) -> None:
    novelty = toy_bundle.contract.novelty
    assert novelty.cells == 81
    assert toy_bundle.contract.metrics["novel_share"]["model"] <= 0.1


def test_something_that_is_no_cell_is_novel(toy_bundle: Bundle, toy_engine: Engine) -> None:
    stripes = np.ones((1, 80, 80), dtype=np.float32)
    stripes[:, :, ::6] = 0.1
    answer = toy_engine.answer_arrays(np.zeros(1, dtype=np.uint64), {CHANNEL: stripes})
    assert answer.novelty[0] > toy_bundle.contract.novelty.threshold


def test_a_shortcut_in_the_background_is_exposed(toy_set: TrainingSet) -> None:
    lit = toy_set.images[CHANNEL] + 0.1 * toy_set.label[:, None, None].astype(np.float32)
    confounded = replace(toy_set, images={CHANNEL: lit})
    train, test = confounded.of_runs(["toy:1", "toy:2"]), confounded.of_runs(["toy:4"])
    assert control_accuracies(train, test, seed=0)["background_only"] > 0.95


def test_features_are_finite_even_for_empty_images() -> None:
    images = np.ones((3, 80, 80), dtype=np.float32)
    assert np.isfinite(hand_made_features(images, 1.0)).all()
    assert np.isfinite(frame_features(images)).all()


def test_one_noisy_row_does_not_blind_the_control(toy_set: TrainingSet) -> None:
    train, test = toy_set.of_runs(["toy:1", "toy:2"]), toy_set.of_runs(["toy:4"])
    noisy = test.images[CHANNEL].copy()
    noisy[:, -1] += np.random.default_rng(0).normal(0, 0.3, noisy[:, -1].shape).astype(np.float32)
    scores = control_accuracies(train, replace(test, images={CHANNEL: noisy}), seed=0)
    assert scores["hand_made_features"] > 0.8


def test_area_is_measured_in_pixels() -> None:
    images = np.ones((2, 80, 80), dtype=np.float32)
    images[0, 30:40, 30:50] = 0.5
    images[1, 30:50, 30:50] = 0.5
    np.testing.assert_array_equal(hand_made_features(images, 1.0)[:, 0], [200, 400])


def test_without_labels_no_accuracy_is_claimed(unlabelled_bundle: Bundle) -> None:
    assert not any("accuracy" in name for name in unlabelled_bundle.contract.metrics)
    assert unlabelled_bundle.contract.training.test_sources == unlabelled_bundle.contract.training.validation_sources


def test_the_report_says_what_the_numbers_are_worth(toy_bundle: Bundle, unlabelled_bundle: Bundle) -> None:
    said = describe(toy_bundle.contract)
    assert "learnt from 270 simulated cells of toy:1, toy:2" in said
    assert "measured on simulated cells of toy:4, held out by run:" in said
    assert "made by: pytest" in said
    assert "which also stopped the training" in describe(unlabelled_bundle.contract)
    assert len({len(line) for line in format_metrics(toy_bundle.contract.metrics).splitlines()}) == 1


def test_an_export_that_differs_from_the_model_is_not_believed(
    toy_bundle: Bundle, toy_trained: TrainedParts, toy_images: np.ndarray
) -> None:
    assert verify_export(toy_bundle, toy_trained, {CHANNEL: toy_images[:7]}) <= 1e-5
    shifted = replace(toy_trained.mixture, centre=toy_trained.mixture.centre + 0.01)
    with pytest.raises(TrainingError, match="differ from the trained model"):
        verify_export(toy_bundle, replace(toy_trained, mixture=shifted), {CHANNEL: toy_images[:7]})


def test_a_posterior_may_differ_by_what_rounded_embeddings_make_of_it(toy_trained: TrainedParts) -> None:
    mixture = toy_trained.mixture
    between = np.array([mixture.mean[0] + share * (mixture.mean[1] - mixture.mean[0]) for share in (0.0, 0.47, 0.53)])
    small = 1e-6 * np.abs(between).max()

    def posterior(embedding: np.ndarray) -> np.ndarray:
        joint = mixture.log_normaliser - mixture.squared_distance(embedding) / 2
        shares = np.exp(joint - joint.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    rng = np.random.Generator(np.random.PCG64(3))
    moved = [between + small * rng.choice([-1.0, 1.0], between.shape) for _ in range(500)]
    most = max(np.abs(posterior(one) - posterior(between)).max() for one in moved)
    bound = 1e-6 * _steepest(toy_trained, torch.from_numpy(between).float())
    assert 0.3 * bound < most <= 1.01 * bound


def test_classes_that_are_known_for_some_cells_alone_are_learnt_from_those() -> None:
    runs = [draw_set(60, 1), draw_set(60, 2, labelled=False), draw_set(60, 3)]
    joined = TrainingSet.concatenate(runs)
    assert joined.where(joined.is_labelled).run.tolist() == [0] * 54 + [2] * 54
