"""One small bundle trained on toy cells, shared by the room's tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL, QUICK, draw_images, draw_set

from inference.bundle import Bundle
from inference.engine import Engine
from inference.training.data import TrainingSet
from inference.training.fit import fit_encoders
from inference.training.graphs import TrainedParts
from inference.training.options import TrainingOptions
from inference.training.split import split_by_run
from inference.training.train import train_bundle, train_parts
from service.runs.data_lock import DataLock

# Processes of tests that share a computer would wait for each other's threads.
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)


@pytest.fixture(scope="session")
def toy_set() -> TrainingSet:
    return TrainingSet.concatenate([draw_set(150, 1), draw_set(150, 2), draw_set(90, 3), draw_set(90, 4)])


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the tests share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "toy"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def toy_options(toy_folder: Path) -> TrainingOptions:
    return replace(QUICK, folder=toy_folder)


def made_once(folder: Path, name: str, make: Callable[[], Bundle]) -> Bundle:
    """The bundle that the first process of this run of the tests has made."""
    file, lock = folder / name, DataLock(folder)
    while not lock.acquire():
        time.sleep(0.1)
    try:
        if not file.exists():
            make().save(file)
        return Bundle.load(file)
    finally:
        lock.release()


@pytest.fixture(scope="session")
def toy_bundle(toy_set: TrainingSet, toy_options: TrainingOptions, toy_folder: Path) -> Bundle:
    """Made by a training that was stopped half-way and resumed, as a user's may be."""

    def make() -> Bundle:
        split = split_by_run(toy_set, toy_options)
        fit_encoders(split.train, split.validation, replace(toy_options, epochs=2))
        return train_bundle(toy_set, toy_options)

    return made_once(toy_folder, "toy.bundle", make)


@pytest.fixture(scope="session")
def toy_trained(toy_set: TrainingSet, toy_options: TrainingOptions, toy_bundle: Bundle) -> TrainedParts:
    """The model of `toy_bundle`, from the checkpoint that it left."""
    return train_parts(split_by_run(toy_set, toy_options), toy_options)


@pytest.fixture(scope="session")
def unlabelled_bundle(toy_folder: Path) -> Bundle:
    runs = [draw_set(150, seed, labelled=False) for seed in (1, 2)]
    return made_once(toy_folder, "unlabelled.bundle", lambda: train_bundle(TrainingSet.concatenate(runs), QUICK))


@pytest.fixture(scope="session")
def toy_engine(toy_bundle: Bundle) -> Engine:
    return Engine(toy_bundle, provider="cpu", threads=1)


@pytest.fixture(scope="session")
def toy_images() -> np.ndarray:
    """`(70, y, x)` images that no training saw."""
    return draw_images(70, 9)[0].images[CHANNEL]


@pytest.fixture
def edited(toy_bundle: Bundle) -> Callable[..., Bundle]:
    """Make the toy bundle again with fields of its contract, or a graph, changed; digests are right."""

    def edit(live: bytes | None = None, explain: bytes | None = None, **fields: object) -> Bundle:
        kept = toy_bundle.contract.model_dump(exclude={"sha256", "digest"})
        return Bundle.build({**kept, **fields}, live or toy_bundle.live, explain or toy_bundle.explain)

    return edit
