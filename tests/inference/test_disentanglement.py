"""A score that calls a tangled code tidy would sell axes that mean nothing: scores are held to what is known."""

from __future__ import annotations

import numpy as np
import pytest

from inference.evaluation.disentanglement import association, dci, levels, mutual_information_gap, omes

N = 4000


@pytest.fixture(scope="module")
def factors() -> np.ndarray:
    """`(n, 3)` independent factors, each with 4 levels."""
    return np.random.default_rng(0).integers(4, size=(N, 3))


def noise(axes: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N, axes))


def turned(code: np.ndarray) -> np.ndarray:
    """Every number of the code an even mixture of two factors."""
    turn = np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return code @ turn


def pairs_of(code: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Codes of cells and of partners in which one number each was drawn again."""
    partners = []
    for factor in range(code.shape[1]):
        other = code.copy()
        other[:, factor] = np.random.default_rng(seed + factor).permutation(code[:, factor])
        partners.append((code, other))
    return partners


def test_a_perfect_code_scores_one_whatever_its_order_sign_and_scale(factors: np.ndarray) -> None:
    code = np.column_stack([-3.0 * factors[:, [2, 0, 1]], noise(2)])
    assert mutual_information_gap(code, factors) == pytest.approx(np.ones(3), abs=0.02)
    scores = dci(code, factors, trees=5)
    assert scores.disentanglement > 0.98 and scores.completeness > 0.98 and scores.informativeness == 1.0
    assert omes(association(pairs_of(factors.astype(float), 3))) == pytest.approx(1, abs=0.05)


def test_a_turned_code_tells_all_and_separates_nothing(factors: np.ndarray) -> None:
    code = turned(factors + 0.01 * noise(3))
    gaps = mutual_information_gap(code, factors)
    assert gaps[:2] == pytest.approx([0, 0], abs=0.05) and gaps[2] == pytest.approx(1, abs=0.05)
    scores = dci(code, factors, trees=20)
    assert scores.informativeness > 0.9 and scores.disentanglement < 0.8
    moved = association([(turned(a), turned(b)) for a, b in pairs_of(noise(3), 3)])
    # Half of the spread of two numbers moves with each of two factors, the third is as it was.
    assert moved == pytest.approx(np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]), abs=0.05)
    assert omes(moved) < 0.85


def test_noise_scores_nothing_and_in_omes_what_its_formula_says(factors: np.ndarray) -> None:
    assert mutual_information_gap(noise(5), factors) == pytest.approx(np.zeros(3), abs=0.02)
    assert dci(noise(5), factors, trees=5).disentanglement < 0.1
    moved = association([(noise(5, 2 * i), noise(5, 2 * i + 1)) for i in range(3)])
    assert omes(moved) == pytest.approx((1 / 3 + 1 / 5) / 2, abs=0.03)
    assert omes(np.ones((5, 3))) == pytest.approx((1 / 3 + 1 / 5) / 2)


def test_overlap_and_multiple_encoding_are_those_worked_by_hand() -> None:
    moved = np.array([[1.0, 0.5], [0.0, 0.5]])
    # Number 0, factor 0: overlap 1 - (0 + .5) / 2, multiple encoding 1 - (0 + 0) / 2.
    assert omes(np.array([[1.0, 0.5]]), share=1.0) == pytest.approx((0.75 * 1.0 + 0.25 * 0.5) / 1.5)
    assert omes(moved, share=0.0) == pytest.approx((1.0 * 1.0 + 0.5 * 0.5 + 0.5 * 0.5) / 2)
    assert omes(moved, share=1.0, largest=True) == pytest.approx((0.75 + 0.5 * 0.75) / 2)


def test_a_number_that_never_moves_belongs_to_no_factor() -> None:
    still = np.zeros((50, 1))
    assert association([(still, still)]) == pytest.approx(np.zeros((1, 1)))


def test_levels_are_equally_frequent_whatever_the_distribution() -> None:
    found = levels(np.exp(3 * noise(1)[:, 0]), 5)
    assert np.bincount(found).tolist() == [N // 5] * 5
