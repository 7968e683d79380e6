"""Shapes that were not warmed cost a live cell its time; padding costs processors as much as cells do."""

from __future__ import annotations

import pytest

from inference.batched_graph import cuts
from inference.engine import BATCH_SIZES


@pytest.mark.parametrize("most_padding", [0.2, 1.0])
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5, 7, 13, 33, 63, 64, 65, 200])
def test_every_row_is_in_one_batch_of_a_warmed_size(rows: int, most_padding: float) -> None:
    found = cuts(rows, BATCH_SIZES, most_padding)
    assert [row for at, count, _ in found for row in range(at, at + count)] == list(range(rows))
    assert all(size in BATCH_SIZES and count <= size for _, count, size in found)
    if rows:
        assert all(size - count <= most_padding * size for _, count, size in found)


def test_without_a_small_size_a_batch_is_padded() -> None:
    assert cuts(3, (8,), 0.2) == [(0, 3, 8)]
