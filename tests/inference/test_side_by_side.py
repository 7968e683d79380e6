"""Maps that agree must be told from maps that do not, and a concept that sets cells apart from one that does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from toy_cells import CHANNEL, draw_set

from inference.engine import Engine, Explanation
from inference.errors import BundleError, TrainingError
from inference.evaluation.explained import Asked, check_asked, explain_cell, explain_class
from inference.evaluation.side_by_side import MapsSideBySide, maps_of_cell, side_by_side
from inference.evaluation.told import Told, sets_apart
from inference.evaluation.ways import Way, map_by


class DarkSpot:
    """An engine that tells the first class by the darkness of one spot, and whose own map says so, or lies."""

    contract = SimpleNamespace(classes=("spot", "none"), targets=("spot", "none"), clusters=("a",))

    def __init__(self, honest: bool) -> None:
        self.honest = honest

    def probability(self, images: dict[str, np.ndarray]) -> np.ndarray:
        first = np.clip(1 - images[CHANNEL][:, 10:30, 10:30].mean(axis=(1, 2)), 0.01, 0.99)
        return np.stack([first, 1 - first], axis=1).astype(np.float32)

    def answer_arrays(self, event_id: np.ndarray, images: dict[str, np.ndarray]) -> SimpleNamespace:
        return SimpleNamespace(class_probability=self.probability(images))

    def explain(self, images: dict[str, np.ndarray], target: object = -1) -> Explanation:
        rows = len(images[CHANNEL])
        maps = np.zeros((rows, 8, 8), dtype=np.float32)
        maps[:, slice(1, 3) if self.honest else slice(6, 8), slice(1, 3) if self.honest else slice(6, 8)] = 1
        return Explanation(np.zeros(rows, dtype=np.int64), np.log(self.probability(images)), {CHANNEL: maps})


IMAGE = np.ones((80, 80), dtype=np.float32)
IMAGE[8:40, 8:40] = 0.3


def seen(honest: bool, count: int = 2) -> MapsSideBySide:
    engine = cast(Engine, DarkSpot(honest))
    return side_by_side(engine, [maps_of_cell(engine, {CHANNEL: IMAGE}, CHANNEL, 0) for _ in range(count)])


def test_maps_that_are_right_agree_lie_in_the_cell_and_beat_chance() -> None:
    found = seen(honest=True)
    assert (found.target, found.cells, found.outlined) == ("spot", 2, 2) and found.area == pytest.approx(0.16, abs=0.04)
    for one in found.ways:
        assert one.empty == 0 and one.inside is not None and found.area is not None and one.inside > 3 * found.area
        assert one.better_than_random == 1.0
    own = next(pair for pair in found.pairs if (pair.first, pair.second) == (Way.GRADIENT, Way.OCCLUSION))
    assert own.correlation is not None and own.of_random is not None and own.correlation > 2 * own.of_random
    assert own.of_another_cell == pytest.approx(own.correlation), "both cells are the same"
    assert own.overlap is not None and own.overlap > 0.5


def test_a_map_that_lies_is_found_out_by_those_that_ask() -> None:
    found = seen(honest=False, count=1)
    own, occlusion, covering = found.ways
    assert own.inside is not None and own.inside < 0.05 and own.better_than_random == 0.0
    assert occlusion.better_than_random == covering.better_than_random == 1.0
    agreement = {(pair.first, pair.second): pair for pair in found.pairs}
    lying, asking = agreement[Way.GRADIENT, Way.OCCLUSION], agreement[Way.OCCLUSION, Way.COVERING]
    assert lying.correlation is not None and asking.correlation is not None
    assert lying.correlation < 0 < 0.5 < asking.correlation and lying.of_another_cell is None


def test_occlusion_says_what_each_patch_is_worth() -> None:
    engine = cast(Engine, DarkSpot(honest=True))
    lost = map_by(Way.OCCLUSION, engine, {CHANNEL: IMAGE}, CHANNEL, 0)
    assert lost.shape == (8, 8) and (lost[1:3, 1:3] > 0.1).all() and lost.sum() == pytest.approx(lost[1:3, 1:3].sum())


def test_what_sets_cells_apart_stands_beside_chance() -> None:
    rng = np.random.default_rng(0)
    these = np.arange(200) < 60
    apart = sets_apart(Told("b", "factor_size", rng.normal(size=200) + 2 * these, 0.9), these)
    noise = sets_apart(Told("b", "factor_noise", rng.normal(size=200), 0.1), these)
    assert apart is not None and noise is not None
    assert apart.area > 0.9 and apart.mean - apart.mean_of_others > 1.5
    assert abs(noise.area - 0.5) < 0.1 and noise.by_chance == pytest.approx(0.09, abs=0.03)
    assert sets_apart(Told("b", "all", rng.normal(size=200), 0.1), np.ones(200, dtype=np.bool_)) is None


def test_a_class_is_shown_by_its_own_cells(toy_engine: Engine) -> None:
    asked = Asked.about(toy_engine, draw_set(60, 11))
    found = explain_class([asked], 1, most=3)
    assert found is not None and found.name == toy_engine.contract.targets[1]
    assert len(found.typical) == len(found.maps) == found.numbers.cells == 3
    assert all(asked.target[row] == 1 for row in found.typical) and found.cells == (asked.target == 1).sum()
    cell = explain_cell([asked], found.typical[0])
    assert cell.maps[0][2].target == found.name and cell.label in asked.cells.label_names


def test_what_cannot_be_asked_is_one_sentence(toy_engine: Engine) -> None:
    cells, fewer = draw_set(60, 11), draw_set(30, 11)
    check_asked(cells, [(toy_engine.contract, cells)], [0, len(cells) - 1])
    with pytest.raises(TrainingError, match="counted from 0"):
        check_asked(cells, [], [len(cells)])
    with pytest.raises(TrainingError, match="takes other cells"):
        check_asked(cells, [(toy_engine.contract, fewer)], [])
    other = replace(cells, images={"other": cells.images[CHANNEL]}, pool={"other": 1})
    with pytest.raises(BundleError, match="needs images of"):
        check_asked(cells, [(toy_engine.contract, other)], [])
