"""A balanced accuracy that depended on the order of cluster numbers, or on the big class, would mislead."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inference.training.scores import balanced_accuracy, cluster_accuracy, confusion, match_clusters

# By hand: 10 of class 0, 4 of class 1, 2 of class 2. Clusters as columns:
#          c0  c1  c2
# class 0   4   6   0     rows as shares: .4 .6 0 / .25 .75 0 / .5 0 .5
# class 1   1   3   0     best one-to-one: 0-c0, 1-c1, 2-c2 with (.4 + .75 + .5) / 3
# class 2   1   0   1     raw counts would prefer 0-c1, 1-c0, 2-c2 with (.6 + .25 + .5) / 3
TRUTH = np.repeat([0, 1, 2], [10, 4, 2])
CLUSTER = np.array([0] * 4 + [1] * 6 + [0] + [1] * 3 + [0] + [2])


def test_a_hand_example_with_unequal_classes() -> None:
    assert confusion(TRUTH, CLUSTER, 3, 3).tolist() == [[4, 6, 0], [1, 3, 0], [1, 0, 1]]
    assert match_clusters(TRUTH, CLUSTER, 3, 3).tolist() == [0, 1, 2]
    assert cluster_accuracy(TRUTH, CLUSTER, 3, 3) == pytest.approx((0.4 + 0.75 + 0.5) / 3)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_numbers_of_clusters_mean_nothing(order: tuple[int, ...]) -> None:
    renamed = np.array(order)[CLUSTER]
    assert cluster_accuracy(TRUTH, renamed, 3, 3) == pytest.approx(cluster_accuracy(TRUTH, CLUSTER, 3, 3))


def test_cells_of_clusters_left_over_count_as_wrong() -> None:
    truth, cluster = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 2, 1, 1])
    assert match_clusters(truth, cluster, 2, 3).tolist() == [0, 1, -1]
    assert cluster_accuracy(truth, cluster, 2, 3) == pytest.approx((0.75 + 1) / 2)


def test_fewer_clusters_than_classes_cannot_be_perfect() -> None:
    truth = np.array([0, 1, 2])
    assert cluster_accuracy(truth, np.array([0, 1, 1]), 3, 2) == pytest.approx(2 / 3)


def test_balanced_accuracy_is_the_mean_over_classes_that_occur() -> None:
    assert balanced_accuracy(np.array([0] * 8 + [1] * 2), np.zeros(10, dtype=int), 2) == 0.5
    assert balanced_accuracy(np.array([0, 0, 2]), np.array([0, 1, 2]), 3) == pytest.approx(0.75)
