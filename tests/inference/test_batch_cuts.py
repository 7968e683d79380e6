"""Shapes that were not warmed cost a live cell its time; padding costs processors as much as cells do."""

from __future__ import annotations

import numpy as np
import pytest

from inference.batched_graph import BatchedGraph, cuts
from inference.tuning import BATCH_SIZES, RunPlan


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


class CountingSession:
    """A graph that answers the first value of each image, and remembers how many it was given at once."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.sizes: list[int] = []

    def get_providers(self) -> list[str]:
        return [self.provider]

    def run(self, _: list[str], batch: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.sizes.append(len(batch["image"]))
        return [batch["image"].reshape(len(batch["image"]), -1)[:, 0]]


@pytest.mark.parametrize(
    ("provider", "shape", "most"),
    [
        ("CPUExecutionProvider", (64, 128, 128), 2),
        ("CPUExecutionProvider", (80, 80), 64),
        ("CPUExecutionProvider", (200, 200, 200), 1),
        ("CUDAExecutionProvider", (64, 128, 128), 64),
    ],
)
def test_a_processor_is_given_no_more_volumes_at_once_than_its_cache_holds(
    provider: str, shape: tuple[int, ...], most: int
) -> None:
    session = CountingSession(provider)
    graph = BatchedGraph(session, ["first"], RunPlan(BATCH_SIZES, 1, usual=True), name="counting")
    images = np.broadcast_to(np.arange(70, dtype=np.float32).reshape(-1, *[1] * len(shape)), (70, *shape))
    np.testing.assert_array_equal(graph.run({"image": images})["first"], np.arange(70))
    assert max(session.sizes) == most
    session.sizes.clear()
    graph.warm({"image": images})
    assert session.sizes == [size for size in BATCH_SIZES if size <= most]
