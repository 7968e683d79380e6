"""Paper A's mask study must be shown beside the controls that take its meaning away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from toy_cells import CHANNEL, draw_set

from inference.bundle import Bundle
from inference.engine import Engine
from inference.evaluation.mask_study import MaskScore, mask_study, masks_of, with_random_labels
from inference.training.data import TrainingSet


@pytest.fixture(scope="module")
def judged() -> TrainingSet:
    return draw_set(200, 11)


@pytest.fixture(scope="module")
def study(toy_engine: Engine, judged: TrainingSet) -> tuple[MaskScore, ...]:
    return mask_study(toy_engine, judged, seed=0)


def test_the_papers_protocol_scores_high_and_so_do_classes_drawn_at_random(study: tuple[MaskScore, ...]) -> None:
    paper, control = study[:2]
    assert paper.balanced_accuracy is not None and control.balanced_accuracy is not None
    assert paper.balanced_accuracy > 0.95 and control.balanced_accuracy > 0.75
    assert control.chance == pytest.approx(1 / 3) and control.cells == len(draw_set(200, 11))


def test_every_class_has_its_control_and_random_labels_have_one(study: tuple[MaskScore, ...]) -> None:
    protocols = [score.protocol for score in study]
    assert [name.split(":")[0] for name in protocols] == [
        "paper A", "control A", "control B", "control B", "control B", "control C",
    ]  # fmt: skip
    assert [any(kind in name for name in protocols[2:5]) for kind in ("dark", "ring", "spotted")] == [True] * 3


def test_a_graph_of_other_making_has_no_control_by_random_labels(
    edited: Callable[..., Bundle], toy_bundle: Bundle, judged: TrainingSet
) -> None:
    model = onnx.load_from_string(toy_bundle.explain)
    for part in (*model.graph.initializer, *model.graph.node):
        if part.name == "head.first.bias":
            part.name = "other"
    for node in model.graph.node:
        node.input[:] = ["other" if name == "head.first.bias" else name for name in node.input]
    engine = Engine(edited(explain=model.SerializeToString()), provider="cpu", threads=1)
    assert with_random_labels(engine, judged.where(np.arange(len(judged)) < 9), seed=0) is None


def test_a_mask_is_where_the_map_is_above_half_its_maximum(toy_engine: Engine, judged: TrainingSet) -> None:
    explanation = toy_engine.explain({CHANNEL: judged.images[CHANNEL][:5]})
    masks = masks_of(explanation)
    assert masks.shape == (5, 40 * 40) and set(np.unique(masks)) == {0.0, 1.0}
