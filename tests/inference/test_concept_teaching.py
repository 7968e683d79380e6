"""A concept that no class needs must become an axis all the same when it is taught, and cost nothing when it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_concept_whitening import OPTIONS, told

from inference.errors import TrainingError
from inference.training.concept_ranking import misranked
from inference.training.concepts import ConceptEncoders
from inference.training.lessons import Lessons
from inference.training.new_model import new_model

TAUGHT = replace(OPTIONS, concept_weight=2.0)


def test_pairs_ranked_the_wrong_way_round_cost_as_worked_by_hand_and_unknown_cells_nothing() -> None:
    scores = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 5.0, 3.0], [-1.0, 0.0, 4.0]])
    unknown = float("nan")
    has = torch.tensor([[1.0, unknown, 1.0], [0.0, 1.0, 1.0], [unknown, 1.0, 1.0], [0.0, unknown, 1.0]])
    by_hand = np.mean([np.log1p(np.exp(-2.0)), np.log1p(np.exp(-3.0))])
    assert float(misranked(scores, has)) == pytest.approx(by_hand, rel=1e-6)
    assert float(misranked(scores[:, 2:], has[:, 2:])) == 0.0


def test_teaching_ranks_cells_and_without_it_nothing_else_is_learnt_than_before() -> None:
    cells = told(45, 3)
    model = new_model(cells, TAUGHT)
    assert isinstance(model, ConceptEncoders)
    images = {name: torch.from_numpy(np.asarray(stack[:])).unsqueeze(1) for name, stack in cells.images.items()}
    prepared = model.preprocess(images)
    rows, lesson = Lessons(cells, TAUGHT).of_epoch(0)
    lesson = lesson[np.argsort(rows)]
    assert lesson.shape == (len(cells), 3)

    def ranked_badly() -> float:
        with torch.no_grad():
            return float(misranked(model.concept_scores(prepared), lesson[:, 1:]))

    model.train()
    before, optimiser = ranked_badly(), torch.optim.AdamW(model.encoder.parameters(), lr=1e-3)
    for _ in range(8):
        optimiser.zero_grad()
        model.loss(prepared, lesson, None).backward()
        optimiser.step()
    assert ranked_badly() < 0.8 * before
    plain = model.loss(prepared, lesson[:, 0].long(), None)
    model.concept_weight = 0.0
    torch.testing.assert_close(model.loss(prepared, lesson, None), plain)
    assert Lessons(cells, OPTIONS).of_epoch(0)[1].shape == (len(cells),)


def test_checkpoints_of_trainings_that_taught_nothing_go_on_and_a_negative_weight_is_refused() -> None:
    assert "concept_weight" not in OPTIONS.weights_text()
    assert '"concept_weight": 2.0' in TAUGHT.weights_text()
    with pytest.raises(TrainingError, match="concept_weight"):
        replace(OPTIONS, concept_weight=-1.0)
