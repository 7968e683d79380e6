"""A run says of every answer which mixture gave it, and keeps what is needed to give it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from line_parts import KnownSource, known_makers

from inference.results import CellResults
from service.run import RunRequest, RunState
from service.runs.cluster_refit import ClusterRefit
from service.runs.control import RunControl

MIDDLES = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], np.float32)


def answers(event_id: Any, moved: float = 0.0) -> CellResults:
    """Answers of a frozen model of three kinds, `id % 3`, which takes all that moved for cluster 1."""
    ids = np.asarray(event_id, np.uint64)
    noise = np.random.default_rng(int(ids[0])).normal(0, 1, (len(ids), 2))
    embedding = (MIDDLES[(ids % 3).astype(int)] + noise + [moved, 0]).astype(np.float32)
    apart = ((embedding[:, None] - MIDDLES) ** 2).sum(axis=2)
    told = np.exp(-0.5 * (apart - apart.min(axis=1, keepdims=True))).astype(np.float32)
    told /= told.sum(axis=1, keepdims=True)
    return CellResults(ids, embedding, told, np.zeros((len(ids), 0), np.float32), np.zeros(len(ids), np.float32))


class ThreeKinds:
    provider = "TestProvider"

    def answer_arrays(self, event_id: Any, arrays: Any) -> CellResults:
        return answers(event_id)


def test_clusters_follow_the_run_and_the_file_gives_the_same_answers_again() -> None:
    refit = ClusterRefit(600, waits=True)
    right: list[np.ndarray] = []
    versions: list[int] = []
    kept: list[bytes] = []
    for batch in range(60):
        given = answers(np.arange(50) + 50 * batch + 1, moved=0.06 * batch)
        said = refit.answered(given)
        refit.save(kept.append)
        right.append(said.cluster == given.event_id % 3)
        versions.append(0 if said.mixture is None else int(said.mixture[0]))
    assert versions[:12] == [0] * 12 and versions == sorted(versions) and versions[-1] == 4
    assert np.mean(right[-10:]) > 0.95
    assert np.mean(given.cluster == given.event_id % 3) < 0.85
    status = refit.status()
    assert status.mixture == 5 and status.refused == 0 and max(status.distance) < 1
    mixtures = json.loads(kept[-1])["mixtures"]
    assert [one["mixture"] for one in mixtures] == list(range(1, 6)) and len(kept) == 5
    one = mixtures[versions[-1] - 1]
    factor = np.array(one["precision_factor"])
    whitened = np.einsum("nkd,kde->nke", said.embedding[:, None] - np.array(one["mean"]), factor)
    joint = np.array(one["weight"]) * np.abs(np.linalg.det(factor)) * np.exp(-0.5 * (whitened**2).sum(axis=2))
    np.testing.assert_allclose(joint / joint.sum(axis=1, keepdims=True), said.cluster_posterior, atol=1e-5)


def test_a_fit_that_loses_a_cluster_is_refused_and_said() -> None:
    refit = ClusterRefit(500, waits=True)
    for batch in range(12):
        ids = np.arange(50) * 3 + 150 * batch + 3
        said = refit.answered(answers(ids))
    assert said.mixture is not None and said.mixture.max() == 0
    status = refit.status()
    assert status.refused == 1 and "too few cells" in status.reason and status.mixture == 0


def test_a_run_stores_which_mixture_told_its_clusters(tmp_path: Path) -> None:
    makers = known_makers(lambda: KnownSource(640), ThreeKinds)
    with RunControl(tmp_path, makers=makers) as control:
        run = control.wait(control.start(RunRequest(source="known", refit=True, refit_cells=500)).id, 240)
        assert run.state is RunState.DONE and run.error is None, run.ledger
        status = control.status().refit
        assert status is not None and status.mixture == 1
        folder = control.folder(run.id).path
    assert run.files["mixtures"] == ["mixtures.json"] and (folder / "mixtures.json").is_file()
    version = pq.read_table(folder / "cells").column("mixture").to_numpy()
    assert len(version) == run.ledger.stored > 500
    assert 500 <= np.count_nonzero(version == 0) < 532 and set(version) == {0, 1}
