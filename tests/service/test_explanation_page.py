"""An explanation is read by who was not there: it must say what a concept is worth, and where maps say nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tiny_bundle import CHANNEL, tiny_bundle

from acquisition.origin import Origin
from inference.evaluation.explained import CellExplained
from inference.evaluation.side_by_side import CellMaps, MapsSideBySide, WayScores
from inference.evaluation.told import Told
from inference.evaluation.ways import Way
from service.report.explanation_page import explanation_page

VALUES = np.array([3.0, 2.0, 1.0])


def page_of(told: tuple[Told, ...], deletion: float = 0.1) -> str:
    """A page about the second of three cells."""
    answers = SimpleNamespace(class_probability=np.full((3, 2), 0.5))
    asked = SimpleNamespace(contract=tiny_bundle().contract, results=answers, told=lambda: told)
    numbers = SimpleNamespace(cells=3, origin=Origin.SIMULATED, runs=("run",), maps={})
    ways = tuple(
        WayScores(way=way, empty=0, inside=0.5, deletion=deletion, insertion=0.99, better_than_random=1.0)
        for way in Way
    )
    scores = MapsSideBySide(
        target="large", channel=CHANNEL, cells=1, outlined=1, area=0.2, inside_of_centre=0.4, ways=ways, pairs=()
    )
    even = np.ones((5, 5), np.float32)
    maps = CellMaps({CHANNEL: np.ones((80, 80), np.float32)}, CHANNEL, 0, dict.fromkeys(Way, even))
    cell = CellExplained(1, "", ((cast(Any, asked), maps, scores),))
    return explanation_page([cast(Any, asked)], cast(Any, numbers), [cell], [])


def test_a_concept_stands_beside_what_it_was_worth() -> None:
    page = page_of((Told("tiny", "concept_granular", VALUES, 0.77),))
    told = "<td class=word>tiny</td><td class=word>concept_granular</td><td>2</td><td>50.0%</td><td>0.77</td></tr>"
    assert told in page and "<th>truth</th>" not in page


def test_a_factor_stands_beside_its_truth_where_anybody_knows_it() -> None:
    known, unknown = np.array([np.nan, 2.25, np.nan]), np.array([1.0, np.nan, 1.0])
    for truth, said in ((known, True), (unknown, False)):
        page = page_of((Told("tiny", "factor_size", VALUES, 0.9, truth), Told("tiny", "concept_granular", VALUES, 0.7)))
        assert ("<td>0.90</td><td>2.25</td>" in page) is ("<th>truth</th>" in page) is said


@pytest.mark.parametrize(("deletion", "said"), [(0.99, True), (0.1, False)])
def test_maps_of_what_an_empty_image_is_taken_for_are_not_praised(deletion: float, said: bool) -> None:
    assert ("an empty image is taken for the same" in page_of((), deletion)) is said
