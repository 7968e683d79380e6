"""A set of classes promises a share of every class; a cell of a rare class must not pay for the frequent ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from toy_cells import CHANNEL

from inference.bundle import Bundle
from inference.conformal import class_sets, least_probabilities, set_names
from inference.engine import Engine
from inference.errors import BundleError
from inference.training.calibration import expected_calibration_error, fit_temperature, untempered
from inference.training.coverage import coverage_band
from inference.training.data import TrainingSet

ALPHA = 0.1


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def simulated(n: int, seed: int, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of four classes, of which the last is rare, and classes drawn from their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 4)) - [0, 0, 0, 2]
    label = (softmax(logits).cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return logits * sharpness, label


def in_band(covered: np.ndarray, calibrated: np.ndarray, judged: np.ndarray) -> bool:
    classes = int(calibrated.max()) + 1
    counts = (np.bincount(label, minlength=classes).tolist() for label in (calibrated, judged))
    band = coverage_band(*counts, ALPHA)
    return bool(band.low <= covered.mean() <= band.high)


def test_every_class_is_covered_as_promised_however_rare() -> None:
    logits, label = simulated(40_000, 1)
    probability = softmax(logits)
    least = least_probabilities(probability[:20_000], label[:20_000], ALPHA)
    sets, truth = class_sets(probability[20_000:], least), label[20_000:]
    assert (truth == 3).mean() < 0.1
    for index in range(4):
        assert sets[truth == index, index].mean() == pytest.approx(1 - ALPHA, abs=0.02)


def test_digits_are_covered_within_the_band_of_chance() -> None:
    images, truth = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    learnt, rest = order[:300], order[300:]
    model = LogisticRegression(C=1e-3, max_iter=500).fit(images[learnt], truth[learnt])
    probability, truth = model.predict_proba(images[rest]), truth[rest]
    kept, inside = [], []
    for seed in range(200):
        calibrated, judged = np.array_split(np.random.default_rng(seed).permutation(len(rest)), 2)
        sets = class_sets(probability[judged], least_probabilities(probability[calibrated], truth[calibrated], ALPHA))
        kept.append(sets[np.arange(len(judged)), truth[judged]])
        inside.append(in_band(kept[-1], truth[calibrated], truth[judged]))
    assert inside[0] and np.mean(inside) > 0.97
    assert np.concatenate(kept).mean() == pytest.approx(1 - ALPHA, abs=0.02)


def test_the_band_of_coverage_knows_that_thresholds_were_set_on_a_sample() -> None:
    rng, calibrated, judged = np.random.default_rng(0), (19, 60, 5), (100, 40, 10)
    covered = []
    for _ in range(2000):
        hits = 0
        for n, m in zip(calibrated, judged, strict=True):
            own = np.sort(rng.random(n))
            misses = int(ALPHA * (n + 1))
            hits += np.count_nonzero(rng.random(m) >= (own[misses - 1] if misses else 0.0))
        covered.append(hits / sum(judged))
    band = coverage_band(calibrated, judged, ALPHA)
    assert np.mean(covered) == pytest.approx(band.expected, abs=0.005)
    inside = (band.low <= np.array(covered)) & (np.array(covered) <= band.high)
    assert 0.98 < inside.mean() <= 1.0
    exact = coverage_band((10**7 - 1,), (150,), ALPHA)
    assert exact.expected == pytest.approx(1 - ALPHA) and band.high - band.low > 1.3 * (exact.high - exact.low)


def test_a_class_with_too_few_cells_is_in_every_set() -> None:
    probability = np.array([[0.9, 0.1]] * 9 + [[0.2, 0.8]] * 8)
    label = np.array([0] * 9 + [1] * 8)
    assert least_probabilities(probability, label, ALPHA) == pytest.approx((0.9, 0.0), abs=1e-4)


def test_the_threshold_is_the_one_worked_out_by_hand() -> None:
    own = np.linspace(0.05, 0.95, 19)
    probability = np.column_stack([own, 1 - own])
    # floor(.1 x 20) = 2: the second smallest.
    assert least_probabilities(probability, np.zeros(19, dtype=int), ALPHA)[0] == pytest.approx(0.1, abs=1e-4)


def test_sets_are_named_and_an_empty_one_is_a_reject() -> None:
    sets = class_sets(np.array([[0.6, 0.4], [0.9, 0.1], [0.5, 0.5]], dtype=np.float32), (0.55, 0.35))
    assert set_names(sets, ("monocyte", "neutrophil")) == ["monocyte | neutrophil", "monocyte", "neutrophil"]
    assert set_names(np.zeros((1, 2), dtype=bool), ("monocyte", "neutrophil")) == ["reject"]


@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_the_temperature_finds_how_much_too_sure_a_classifier_is(sharpness: float) -> None:
    logits, label = simulated(20_000, 2, sharpness)
    temperature = fit_temperature(logits, label)
    assert temperature == pytest.approx(sharpness, rel=0.05)
    before, after = softmax(logits), softmax(logits / temperature)
    assert expected_calibration_error(after, label) < 0.02 < expected_calibration_error(before, label)
    np.testing.assert_allclose(untempered(after.astype(np.float32), temperature), before, atol=1e-5)


def test_the_error_of_calibration_is_the_one_worked_out_by_hand() -> None:
    probability = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    # Four cells at .9 of which three are right, and one at .6 that is wrong.
    label = np.array([0, 0, 0, 1, 0])
    assert expected_calibration_error(probability, label) == pytest.approx((4 * 0.15 + 1 * 0.6) / 5)


def test_a_classifier_that_is_never_wrong_stays_within_reason() -> None:
    logits = np.array([[9.0, 0.0], [0.0, 9.0]] * 20)
    assert fit_temperature(logits, np.array([0, 1] * 20)) == pytest.approx(0.25, rel=0.02)


def test_a_bundle_holds_temperature_and_sets_and_says_what_they_are_worth(toy_bundle: Bundle) -> None:
    contract = toy_bundle.contract
    assert contract.temperature is not None and contract.conformal is not None
    assert contract.conformal.alpha == ALPHA and contract.conformal.cells == (27, 27, 27)
    metrics = contract.metrics
    assert metrics["class_calibration_error"].keys() == {"model", "before_temperature"}
    coverage = metrics["conformal_coverage"]
    # Of 27 cells and the next one, two may miss.
    assert coverage["expected"] == pytest.approx(26 / 28) and coverage["band_low"] < 0.9 < coverage["band_high"]
    assert coverage["band_low"] <= coverage["model"] <= coverage["band_high"]
    assert coverage.keys() >= {"of dark", "of ring", "of spotted"}
    assert metrics["conformal_sets"]["mean_size"] >= metrics["conformal_sets"]["share_of_one"]


def test_the_thresholds_are_those_of_the_graphs_own_answers(
    toy_bundle: Bundle, toy_engine: Engine, toy_set: TrainingSet
) -> None:
    validation = toy_set.of_runs(["toy:3"])
    answers = toy_engine.answer_arrays(
        np.arange(len(validation), dtype=np.uint64), {CHANNEL: validation.images[CHANNEL]}
    )
    assert toy_bundle.contract.conformal is not None
    least = toy_bundle.contract.conformal.least_probability
    assert least == least_probabilities(answers.class_probability, validation.label, ALPHA)


def test_without_labels_there_are_no_sets(unlabelled_bundle: Bundle) -> None:
    assert unlabelled_bundle.contract.conformal is None
    assert unlabelled_bundle.contract.temperature is None
    assert "conformal_coverage" not in unlabelled_bundle.contract.metrics


def test_sets_of_other_classes_than_the_bundles_are_refused(edited: Callable[..., Bundle]) -> None:
    with pytest.raises(BundleError, match="for every class"):
        edited(conformal={"alpha": 0.1, "least_probability": (0.5,), "cells": (9,)})
