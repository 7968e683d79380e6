"""A hot map must show where the answer hangs, exactly as covering square after square by hand would."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from toy_cells import CHANNEL, draw_set

from inference.engine import Engine
from inference.errors import AnswerError
from inference.evaluation.cell_masks import cell_mask, share_inside
from inference.hot_map import covers, hot_map


class SeesOneSpot:
    """An engine that tells the first class by the darkness of one spot, row by row."""

    contract = SimpleNamespace(classes=("spot", "none"), targets=("spot", "none"), clusters=("a",))

    def answer_arrays(self, event_id: np.ndarray, images: dict[str, np.ndarray]) -> SimpleNamespace:
        probability = [float(np.clip(1 - row[20:30, 50:60].mean(), 0, 1)) for row in images[CHANNEL]]
        posterior = np.ones((len(event_id), 1), dtype=np.float32)
        return SimpleNamespace(
            class_probability=np.array([[p, 1 - p] for p in probability], dtype=np.float32), cluster_posterior=posterior
        )


SPOTTED = np.ones((80, 80), dtype=np.float32)
SPOTTED[20:30, 50:60] = 0.2
SPOTTED[60:70, 10:20] = 0.1
"""What the engine sees, and a darker spot that it does not look at."""


def test_a_hot_map_is_that_of_a_loop_over_covers_one_at_a_time() -> None:
    engine = SeesOneSpot()
    total, times = np.zeros((80, 80)), np.zeros((80, 80))
    for top in range(0, 65, 8):
        for left in range(0, 65, 8):
            covered = SPOTTED.copy()
            covered[top : top + 16, left : left + 16] = 1
            answer = engine.answer_arrays(np.zeros(1), {CHANNEL: covered[None]})
            total[top : top + 16, left : left + 16] += float(answer.class_probability[0, 0])
            times[top : top + 16, left : left + 16] += 1
    found = hot_map(cast(Engine, engine), {CHANNEL: SPOTTED}, CHANNEL, 0)
    np.testing.assert_array_equal(found.probability, (total / times).astype(np.float32))


def test_the_lowest_place_lies_on_what_the_answer_hangs_on_and_not_on_what_is_darkest() -> None:
    found = hot_map(cast(Engine, SeesOneSpot()), {CHANNEL: SPOTTED}, CHANNEL)
    assert found.target == 0 and found.uncovered == pytest.approx(0.8, abs=1e-6)
    assert found.probability[25, 55] == found.probability.min() < found.uncovered / 2
    assert found.probability[65, 15] == pytest.approx(found.uncovered) and found.evidence[65, 15] == 0
    assert found.evidence.argmax() == found.probability.argmin() and (found.evidence >= 0).all()


@pytest.mark.parametrize("shape", [(80, 80), (7, 10), (20, 20, 20)])
@pytest.mark.parametrize("side", [None, 1, 6, 500])
def test_covers_leave_no_place_uncovered(shape: tuple[int, ...], side: int | None) -> None:
    if side == 1 and len(shape) == 3:
        side = 2  # As many cubes as voxels would say nothing else.
    hidden = np.zeros(shape, dtype=bool)
    for place in covers(shape, side):
        hidden[place] = True
    assert hidden.all()


def test_hot_maps_of_a_trained_model_lie_in_the_cell(toy_engine: Engine) -> None:
    images = draw_set(8, 9).images[CHANNEL][:]
    maps = np.stack([hot_map(toy_engine, {CHANNEL: image}, CHANNEL).evidence for image in images])
    masks = np.stack([cell_mask(image) for image in images])
    assert np.nanmean(share_inside(maps, masks)) > masks.mean()


@pytest.mark.parametrize(
    "asked", [{"channel": "gfp"}, {"target": 2}, {"target": -2}, {"clusters": True, "target": 1}, {"side": 0}]
)
def test_what_cannot_be_covered_is_said(asked: dict) -> None:
    with pytest.raises(AnswerError):
        hot_map(cast(Engine, SeesOneSpot()), {CHANNEL: SPOTTED}, **{"channel": CHANNEL, **asked})
