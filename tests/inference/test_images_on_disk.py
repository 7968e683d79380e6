"""Training images may be more than memory holds: they lie in a file then, and nothing that is learnt is different."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_cells import CHANNEL, QUICK, VOLUME, draw_set

from inference.errors import TrainingError
from inference.training import stacks
from inference.training.controls import columns_of, hand_made_features
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.stacks import StackWriter, StoredStack

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def in_memory() -> TrainingSet:
    return TrainingSet.concatenate(draw_set(30, seed, channels=(CHANNEL, VOLUME)) for seed in (1, 2, 3))


@pytest.fixture
def on_disk(in_memory: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> TrainingSet:
    monkeypatch.setattr(stacks, "KEPT_BYTES", 100_000)
    return TrainingSet.concatenate([in_memory])


def assert_same(one: TrainingSet, other: TrainingSet) -> None:
    assert (one.grid, one.run_names, one.label_names) == (other.grid, other.run_names, other.label_names)
    np.testing.assert_array_equal(one.label, other.label)
    np.testing.assert_array_equal(one.run, other.run)
    for name in one.channels:
        np.testing.assert_array_equal(one.images[name][:], other.images[name][:])


def test_a_set_on_disk_is_the_set_in_memory_however_it_is_cut(
    in_memory: TrainingSet, on_disk: TrainingSet, tmp_path: Path
) -> None:
    assert all(isinstance(stack, StoredStack) for stack in on_disk.images.values())
    assert_same(on_disk, in_memory)
    assert_same(on_disk.of_runs(["toy:1", "toy:3"]), in_memory.of_runs(["toy:1", "toy:3"]))
    odd = np.arange(len(in_memory)) % 2 == 1
    assert_same(on_disk.where(odd).where(odd[: odd.sum()]), in_memory.where(odd).where(odd[: odd.sum()]))
    order = np.random.default_rng(0).permutation(len(in_memory))
    for name, stack in on_disk.images.items():
        np.testing.assert_array_equal(stack[order], in_memory.images[name][order])
    for name, images in on_disk.as_given(slice(3, 7)).items():
        np.testing.assert_array_equal(images, in_memory.as_given(slice(3, 7))[name])
    on_disk.save(tmp_path / "set.npz")
    assert_same(TrainingSet.load(tmp_path / "set.npz"), in_memory)
    with np.load(tmp_path / "set.npz") as held:
        np.testing.assert_array_equal(held[f"images/{VOLUME}"], in_memory.images[VOLUME][:])


def test_what_is_learnt_from_disk_is_what_is_learnt_from_memory(in_memory: TrainingSet, on_disk: TrainingSet) -> None:
    options = replace(QUICK, epochs=1)
    learnt = []
    for cells in (in_memory, on_disk):
        fitted = fit_encoders(cells.of_runs(["toy:1", "toy:2"]), cells.of_runs(["toy:3"]), options)
        learnt.append((fitted.history, encode(fitted.model, cells), columns_of(cells, hand_made_features)))
    assert learnt[0][0] == learnt[1][0]
    np.testing.assert_array_equal(learnt[0][1], learnt[1][1])
    np.testing.assert_array_equal(learnt[0][2], learnt[1][2])


def test_memory_is_bounded_however_many_cells_there_are(
    in_memory: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "KEPT_BYTES", 2 * MEBIBYTE)
    monkeypatch.setattr(stacks, "CHUNK_BYTES", MEBIBYTE)

    def many() -> Iterator[TrainingSet]:
        for _ in range(40):
            yield in_memory.where(np.ones(len(in_memory), dtype=np.bool_))

    tracemalloc.start()
    try:
        cells = TrainingSet.concatenate(many())
        for name in cells.channels:
            for part in stacks.chunks(cells.images[name]):
                assert len(part)
            rows = np.random.default_rng(0).permutation(len(cells))[:32]
            assert cells.images[name][rows].shape[0] == 32
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    whole = sum(stack.size * stack.dtype.itemsize for stack in cells.images.values())
    assert whole > 80 * MEBIBYTE
    assert peak < 10 * MEBIBYTE


def test_a_disk_without_room_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "KEPT_BYTES", 10)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("wb", buffering=0))
    with pytest.raises(TrainingError, match="more room in the environment variable TMPDIR"):
        StackWriter().append(np.zeros((4, 8, 8), dtype=np.float32))


def test_a_set_that_was_damaged_anywhere_is_said(in_memory: TrainingSet, tmp_path: Path) -> None:
    file = tmp_path / "set.npz"
    in_memory.of_runs(["toy:1"]).save(file)
    whole = bytearray(file.read_bytes())
    for at in np.random.default_rng(0).integers(len(whole) // 4, len(whole) * 3 // 4, 12).tolist():
        damaged = bytearray(whole)
        damaged[at : at + 8] = bytes(8)
        file.write_bytes(damaged)
        if damaged != whole:
            with pytest.raises(TrainingError, match="is damaged"):
                TrainingSet.load(file)
