"""The transfer study must call cells what staining would, and find clusters that are there."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from acquisition.source import open_source
from benchmarks.transfer_cells import RUNS, leukaemia, translocation, white_cells

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
