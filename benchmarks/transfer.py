"""`python -m benchmarks.transfer [FOLDER] [--part PART ...] [--matrices]`: the transfer study, on simulated cells.

It repeats what paper A did, is the last part of `make learn`, and docs/learning-transfer.md shows what it prints. Runs
are simulated and encoders trained where the folder does not have them yet; after Ctrl-C the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.page import ROOT, table
from benchmarks.transfer_latents import BLOOD, FINE, HEK, Training, latents
from benchmarks.transfer_scores import (
    REJECTED,
    by_hand,
    clustered,
    controls,
    headed,
    novelty,
    set_apart,
    truth_of,
)
from inference.evaluation.agreement import Agreement
from inference.training.options import Learning

FOLDER = ROOT / "build" / "learn"
WAYS = {Learning.RECONSTRUCTION: "autoencoder", Learning.CONTRAST: "contrastive encoder"}
ENCODERS = (
    *((BLOOD, learning, name) for learning, name in WAYS.items()),
    (FINE, Learning.CONTRAST, "contrastive encoder, 0.5 µm"),
)
"""All that leukaemia is judged by."""
_DONORS = ("donor-b", "donor-d")
_SPIKED = ("leukaemia-50", "leukaemia-10", "leukaemia-1")
_SPIKED_A = "leukaemia-a"
_CONTROLS = {
    "majority_class": "always the most frequent class",
    "background_only": "background alone, supervised",
    "hand_made_features": "features by hand, supervised, linear",
    "boosted_features": "features by hand, supervised, boosted trees",
}
Scored = Callable[[int], Agreement]
Row = tuple[object, ...]


def three_parts(folder: Path, run: str) -> tuple[list[Row], list[str]]:
    """Judge lymphocytes, monocytes and granulocytes of a donor that no training saw."""
    rows: list[Row] = []
    matrices: list[str] = []
    for learning, name in WAYS.items():
        found = {seed: latents(BLOOD, learning, seed, folder) for seed in BLOOD.seeds}
        ways: dict[str, Scored] = {
            "clusters of the run itself": lambda s, f=found: clustered(f[s][run], f[s][run], run, 3, s, folder),
            "clusters of donor A": lambda s, f=found: clustered(f[s][BLOOD.learnt], f[s][run], run, 3, s, folder),
            "class head of donor A, supervised": lambda s, f=found: headed(f[s], BLOOD.learnt, run, s, folder),
        }
        _add(BLOOD, name, ways, rows, matrices)
    learnt, seen = by_hand(BLOOD, BLOOD.learnt, folder), by_hand(BLOOD, run, folder)
    ways = {
        "clusters of the run itself": lambda s: clustered(seen, seen, run, 3, s, folder),
        "clusters of donor A": lambda s: clustered(learnt, seen, run, 3, s, folder),
    }
    _add(BLOOD, "features by hand", ways, rows, [])
    return rows + _control_rows(BLOOD, BLOOD.learnt, run, folder), matrices


def leukaemia(folder: Path, run: str) -> tuple[list[Row], list[str]]:
    """Judge how well leukaemia cells form a cluster of their own, none of which any encoder saw.

    Beside that, heads and controls are fitted to labelled leukaemia cells in the blood of donor A.
    """
    rows: list[Row] = []
    matrices: list[str] = []
    for training, learning, name in ENCODERS:
        found = {seed: latents(training, learning, seed, folder) for seed in training.seeds}
        ways: dict[str, Scored] = {
            "two clusters of the run": lambda s, f=found: clustered(f[s][run], f[s][run], run, 2, s, folder),
            "the cluster that donor A has not": lambda s, f=found: set_apart(
                f[s][BLOOD.learnt], f[s][run], run, s, folder
            ),
        }
        if learning is Learning.CONTRAST:
            ways["class head of leukaemia in donor A, supervised"] = lambda s, f=found: headed(
                f[s], _SPIKED_A, run, s, folder
            )
        _add(training, name, ways, rows, matrices)
    learnt, seen = by_hand(BLOOD, BLOOD.learnt, folder), by_hand(BLOOD, run, folder)
    ways = {
        "two clusters of the run": lambda s: clustered(seen, seen, run, 2, s, folder),
        "the cluster that donor A has not": lambda s: set_apart(learnt, seen, run, s, folder),
    }
    _add(BLOOD, "features by hand", ways, rows, [])
    return rows + _control_rows(BLOOD, _SPIKED_A, run, folder), matrices


def unseen(folder: Path) -> list[Row]:
    """Judge leukaemia as novelty to donor A, at every share and for every threshold."""
    runs = (BLOOD.learnt, BLOOD.validation)
    hand = {run: by_hand(BLOOD, run, folder) for run in (*runs, *_SPIKED)}
    rows = []
    for run in _SPIKED:
        ways = {
            name: [latents(of, way, seed, folder) for seed in of.seeds]
            for of, way, name in ENCODERS
            if way is Learning.CONTRAST
        }
        ways["features by hand"] = [hand]
        truth, names = truth_of(run, folder)
        cells = f"{np.count_nonzero(truth == names.index('leukaemia'))} of {len(truth)}"
        for name, each in ways.items():
            scores = [novelty(found, *runs, run, seed, folder) for seed, found in enumerate(each)]
            recall, false = (
                np.array([getattr(score, field) for score in scores]).T for field in ("recall", "false_alarms")
            )
            shares = (f"{_mean(found)}, {_mean(wrong)}" for found, wrong in zip(recall, false, strict=True))
            rows.append((run, cells, name, _mean([score.auc for score in scores]), *shares))
    return rows


def translocation(folder: Path) -> tuple[list[Row], list[str]]:
    """Judge whether clusters of fused latents tell where the receptor is, on the cells that they learnt from."""
    rows: list[Row] = []
    matrices: list[str] = []
    run, learning = HEK.learnt, Learning.RECONSTRUCTION
    found = {seed: latents(HEK, learning, seed, folder) for seed in HEK.seeds}
    ways: dict[str, Scored] = {
        "clusters of the run itself": lambda s: clustered(found[s][run], found[s][run], run, 2, s, folder),
        "class head of another run, supervised": lambda s: headed(found[s], HEK.validation, run, s, folder),
    }
    _add(HEK, f"fused {WAYS[learning]}", ways, rows, matrices)
    seen = by_hand(HEK, run, folder)
    ways = {"clusters of the run itself": lambda s: clustered(seen, seen, run, 2, s, folder)}
    _add(HEK, "features by hand", ways, rows, [])
    return rows + _control_rows(HEK, HEK.validation, run, folder), matrices


def _add(training: Training, name: str, ways: dict[str, Scored], rows: list[Row], matrices: list[str]) -> None:
    for way, scored in ways.items():
        found = [scored(seed) for seed in training.seeds]
        values = [each.balanced_accuracy for each in found]
        rows.append((f"{name}: {way}", _mean(values), f"{min(values):.1%} to {max(values):.1%}", _recalls(found)))
        middle = found[int(np.argsort(values)[len(values) // 2])]
        matrices.append(f"{name}, {way} (the middle one of {len(found)} seeds)\n\n{_matrix(middle)}")


def _control_rows(training: Training, learnt: str, run: str, folder: Path) -> list[Row]:
    found = controls(training, learnt, run, folder)
    return [
        (what, f"{found[name].balanced_accuracy:.1%}", "", _recalls([found[name]])) for name, what in _CONTROLS.items()
    ]


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1%} ± {np.std(values):.1%}" if len(values) > 1 else f"{values[0]:.1%}"


def _recalls(found: Sequence[Agreement]) -> str:
    recalls = np.mean([[each.recall for each in one.classes] for one in found], axis=0)
    return ", ".join(f"{each.name} {recall:.0%}" for each, recall in zip(found[0].classes, recalls, strict=True))


def _matrix(found: Agreement) -> str:
    rows: list[Row] = [(name, *row) for name, row in zip(found.names, found.confusion, strict=True)]
    return table(("truth (y), answer (x)", *found.answers), rows)


def section(title: str, judge: Callable[[], tuple[list[Row], list[str]]]) -> tuple[str, str]:
    """Return a table in Markdown, and its confusion matrices."""
    print(title, "...", file=sys.stderr, flush=True)
    rows, matrices = judge()
    head = ("way", "balanced accuracy", "least to most", "recall")
    return f"### {title}\n\n{table(head, rows)}", "\n\n".join(matrices)


def novelty_section(folder: Path) -> tuple[str, str]:
    """Return the table of novelty in Markdown, which has no matrices."""
    shares = (f"recall, false alarms at {share:.0%}" for share in REJECTED)
    columns = ("run", "leukaemia cells", "by", "area under the curve", *shares)
    return f"### Leukaemia as novelty to donor A\n\n{table(columns, unseen(folder))}", ""


PARTS: dict[str, Callable[[Path], list[tuple[str, str]]]] = {
    "three-parts": lambda folder: [
        section(f"White blood cells of {run}, three parts", lambda r=run: three_parts(folder, r)) for run in _DONORS
    ],
    "leukaemia": lambda folder: [
        section(f"Leukaemia among white blood cells, {run}", lambda r=run: leukaemia(folder, r)) for run in _SPIKED
    ],
    "translocation": lambda folder: [section("Translocation", lambda: translocation(folder))],
    "novelty": lambda folder: [novelty_section(folder)],
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where runs and trainings are kept")
    parser.add_argument(
        "--part", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}"
    )
    parser.add_argument("--matrices", action="store_true", help="show the confusion matrices too")
    asked = parser.parse_args()
    for name in asked.part:
        for found, matrices in PARTS[name](asked.folder):
            print(found, end="\n\n", flush=True)
            if asked.matrices and matrices:
                print(matrices, end="\n\n", flush=True)
