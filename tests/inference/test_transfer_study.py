"""The transfer study must call cells what staining would, and find clusters that are there."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from acquisition.source import open_source
from benchmarks.transfer_cells import RUNS, leukaemia, translocation, white_cells
from benchmarks.transfer_scores import Clusters
from inference.training.scores import cluster_accuracy

KINDS = np.array(["neutrophil", "eosinophil", "lymphocyte", "monocyte", "skno1", "doublet", "debris"], dtype="S32")
HEK = np.array(["hek-gr-dex", "hek-gr-dex", "hek-gr-untreated", "doublet"], dtype="S32")


def test_cells_are_named_as_their_staining_tells() -> None:
    truth = {"kind": KINDS}
    assert white_cells(truth).tolist() == ["granulocyte", "granulocyte", "lymphocyte", "monocyte", "", "", ""]
    assert Counter(leukaemia(truth).tolist()) == {"white blood cell": 4, "leukaemia": 1, "": 2}
    ratio = np.array([5.0, 0.4, 0.4, 5.0])
    assert translocation({"kind": HEK, "translocation": ratio}).tolist() == [
        "translocated", "untranslocated", "untranslocated", "",
    ]  # fmt: skip


def test_no_run_that_is_judged_is_one_that_was_learnt_from() -> None:
    assert len({run.seed for run in RUNS.values()}) == len(RUNS)


@pytest.mark.parametrize("name", ["donor-b", "leukaemia-1", "translocation"])
def test_every_sort_of_run_can_be_opened(name: str) -> None:
    with open_source(RUNS[name].url) as source:
        assert source.instrument.name == "sheet-real"


def test_clusters_on_the_first_axes_do_not_heed_axes_that_say_little() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3, dtype=np.int32), (300, 120, 60))
    signal = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[truth] + rng.normal(size=(len(truth), 2))
    # Six readings of the same two things, and two of nothing.
    latent = np.concatenate([np.repeat(signal, 3, axis=1), rng.uniform(-2, 2, (len(truth), 2))], axis=1)
    fitted = Clusters.fit(latent[::2], 3, seed=0)
    assert cluster_accuracy(truth[1::2], fitted.of(latent[1::2]), 3, 3) > 0.97
