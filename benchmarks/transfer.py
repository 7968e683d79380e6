"""`make learn`: the transfer study of paper A on simulated cells, as docs/learning-transfer.md shows it.

Runs are simulated and encoders trained where the folder does not have them yet; after Ctrl-C the same command goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.page import ROOT, table
from benchmarks.transfer_latents import BLOOD, HEK, Training, latents
from benchmarks.transfer_scores import (
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
_DONORS = ("donor-b", "donor-d")
_SPIKED = ("leukaemia-50", "leukaemia-10", "leukaemia-1")
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
    """Judge how well leukaemia cells form a cluster of their own, none of which any training saw."""
    rows: list[Row] = []
    matrices: list[str] = []
    for learning, name in WAYS.items():
        found = {seed: latents(BLOOD, learning, seed, folder) for seed in BLOOD.seeds}
        ways: dict[str, Scored] = {
            "two clusters of the run": lambda s, f=found: clustered(f[s][run], f[s][run], run, 2, s, folder),
            "the cluster that donor A has not": lambda s, f=found: set_apart(
                f[s][BLOOD.learnt], f[s][run], run, s, folder
            ),
        }
        _add(BLOOD, name, ways, rows, matrices)
    learnt, seen = by_hand(BLOOD, BLOOD.learnt, folder), by_hand(BLOOD, run, folder)
    ways = {
        "two clusters of the run": lambda s: clustered(seen, seen, run, 2, s, folder),
        "the cluster that donor A has not": lambda s: set_apart(learnt, seen, run, s, folder),
    }
    _add(BLOOD, "features by hand", ways, rows, [])
    other = "leukaemia-10" if run == "leukaemia-50" else "leukaemia-50"
    return rows + _control_rows(BLOOD, other, run, folder), matrices


def unseen(folder: Path) -> list[Row]:
    """Judge leukaemia as novelty to donor A, at every share."""
    runs = (BLOOD.learnt, BLOOD.validation)
    hand = {run: by_hand(BLOOD, run, folder) for run in (*runs, *_SPIKED)}
    rows = []
    for run in _SPIKED:
        ways = {name: [latents(BLOOD, way, seed, folder) for seed in BLOOD.seeds] for way, name in WAYS.items()}
        ways["features by hand"] = [hand]
        truth, names = truth_of(run, folder)
        cells = f"{np.count_nonzero(truth == names.index('leukaemia'))} of {len(truth)}"
        for name, each in ways.items():
            scores = [novelty(found, *runs, run, seed, folder) for seed, found in enumerate(each)]
            columns = ([getattr(score, field) for score in scores] for field in ("auc", "recall", "false_alarms"))
            rows.append((run, cells, name, *(_mean(column) for column in columns)))
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


def page(folder: Path) -> str:
    """Return tables and confusion matrices in Markdown."""
    head = ("way", "balanced accuracy", "least to most", "recall")
    parts = []
    sections = [
        *((f"White blood cells of {run}, three parts", lambda r=run: three_parts(folder, r)) for run in _DONORS),
        *((f"Leukaemia among white blood cells, {run}", lambda r=run: leukaemia(folder, r)) for run in _SPIKED),
        ("Translocation", lambda: translocation(folder)),
    ]
    for title, section in sections:
        print(title, "...", file=sys.stderr, flush=True)
        rows, matrices = section()
        parts += [f"### {title}", table(head, rows), *matrices]
    columns = ("run", "leukaemia cells", "by", "area under the curve", "recall", "false alarms")
    return "\n\n".join([*parts, "### Leukaemia as novelty to donor A", table(columns, unseen(folder))])


if __name__ == "__main__":
    print(page(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
