"""A bundle's figures mean something only against the truth by name, beside controls that learnt from other runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_cells import CHANNEL, VOLUME, draw_set

from inference.engine import Engine
from inference.errors import BundleError, TrainingError
from inference.evaluation.agreement import UNMATCHED, agreement, cluster_agreement
from inference.evaluation.assess import Assessment, assess
from inference.evaluation.baselines import score_baselines
from inference.training.data import TrainingSet


@pytest.fixture(scope="module")
def judged() -> TrainingSet:
    return TrainingSet.concatenate([draw_set(45, 11), draw_set(45, 12)])


@pytest.fixture(scope="module")
def numbers(toy_engine: Engine, judged: TrainingSet) -> Assessment:
    return assess(toy_engine, judged, map_cells=4).numbers


def test_precision_recall_and_f1_are_those_of_a_table_worked_by_hand() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    found = agreement(truth, np.array([0, 0, 0, 1, 1, 1, 1, -1]), ("a", "b", "c"))
    assert found.confusion == ((3, 1, 0, 0), (0, 2, 0, 0), (0, 1, 0, 1)) and found.answers[-1] == UNMATCHED
    a, b, c = found.classes
    assert (a.precision, a.recall, a.f1) == pytest.approx((1, 0.75, 6 / 7))
    assert (b.precision, b.recall, b.f1) == pytest.approx((0.5, 1, 2 / 3))
    assert (c.precision, c.recall, c.f1, c.cells) == (0, 0, 0, 2)
    assert found.balanced_accuracy == pytest.approx((0.75 + 1 + 0) / 3) and found.accuracy == 5 / 8


def test_clusters_are_judged_whatever_their_order() -> None:
    truth = np.array([0] * 8 + [1] * 2)
    cluster = np.array([2] * 7 + [0] + [1, 1])
    found = cluster_agreement(truth, cluster, ("many", "few"), 3)
    assert found.confusion == ((7, 0, 1), (0, 2, 0))
    assert found.balanced_accuracy == pytest.approx((7 / 8 + 1) / 2)


def test_the_bundle_stands_beside_controls_fitted_to_other_runs(numbers: Assessment) -> None:
    assert numbers.classes is not None and numbers.classes.balanced_accuracy > 0.8
    assert numbers.clusters is not None and numbers.clusters.names == ("dark", "ring", "spotted")
    assert set(numbers.controls) == {"majority_class", "background_only", "hand_made_features", "boosted_features"}
    assert numbers.controls["majority_class"].balanced_accuracy == pytest.approx(1 / 3)
    assert numbers.learnt_runs == () and numbers.map_cells == 4 and numbers.masks == ()


def test_the_numbers_can_be_read_again(numbers: Assessment) -> None:
    assert Assessment.model_validate_json(numbers.model_dump_json()) == numbers


def test_cells_that_the_model_learnt_from_are_said(toy_engine: Engine) -> None:
    found = assess(toy_engine, draw_set(30, 1), map_cells=0).numbers
    assert found.learnt_runs == ("toy:1",)
    # Whoever judges may say another folder than whoever trained.
    elsewhere = replace(draw_set(45, 1), run_names=("elsewhere/toy:1",))
    assert assess(toy_engine, elsewhere, map_cells=0).numbers.learnt_runs == ("elsewhere/toy:1",)
    assert found.controls == {} and found.maps == {} and found.orders == (), "one run cannot be held out of itself"


def test_controls_may_learn_from_named_runs_but_never_from_those_they_are_scored_on() -> None:
    found = score_baselines(draw_set(30, 11), draw_set(60, 13), seed=0)
    assert found is not None and found.fitted_to == "toy:13"
    assert found.scores["hand_made_features"].balanced_accuracy > 0.8
    with pytest.raises(TrainingError, match="'toy:11', which they are scored on"):
        score_baselines(draw_set(30, 11), TrainingSet.concatenate([draw_set(30, 13), draw_set(30, 11)]), seed=0)


def test_a_class_that_the_bundle_never_met_counts_against_it(toy_engine: Engine) -> None:
    cells = draw_set(30, 11)
    renamed = cells.labelled(["alien" if i == 0 else cells.label_names[i] for i in cells.label])
    classes = assess(toy_engine, renamed, map_cells=0).numbers.classes
    assert classes is not None and classes.names == ("alien", "dark", "ring", "spotted")
    assert classes.classes[0].recall == 0 and classes.balanced_accuracy < 0.7


def test_without_labels_nothing_is_compared(toy_engine: Engine) -> None:
    found = assess(toy_engine, draw_set(30, 11, labelled=False), map_cells=0).numbers
    assert found.clusters is None and found.classes is None and found.controls == {}


def test_images_that_the_bundle_was_not_made_for_are_refused(toy_engine: Engine) -> None:
    with pytest.raises(BundleError, match=f"needs images of '{CHANNEL}'"):
        assess(toy_engine, draw_set(10, 1, channels=(VOLUME,)))
    with pytest.raises(BundleError, match=r"at 0\.25 µm, but the cells are"):
        assess(toy_engine, replace(draw_set(10, 1), pixel_um=0.5))
    with pytest.raises(TrainingError, match="no cells"):
        assess(toy_engine, draw_set(10, 1).where(np.zeros(9, dtype=np.bool_)))
