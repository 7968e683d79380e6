"""`python -m benchmarks.jurkat [BLOCK ...] [--out FOLDER]`: the cell cycle of real Jurkat cells, without a stain.

Real images of brightfield and darkfield (Blasi et al. 2016, an Amnis ImageStream), the four phases with hundreds of
cells: G1, S, G2, prophase. The encoder learns from contrast, without labels, and is frozen; a linear classifier is
fitted to its latents. The file does not say which run a cell comes from, so that each seed holds out another fifth of
every class in the file's order, which neither encoder nor classifier sees; if the file mixes runs, a fifth is no
stand-in for one. Beside it stands the same network where it learnt the labels themselves, which says how much of the
cell cycle a network of this size finds in these images at all. With `--out`, trainings leave their checkpoints there,
so that an interrupted study goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from acquisition.real_images import open_real_images
from benchmarks.frozen import linear
from benchmarks.page import DATA, table
from inference.training.augment import Looks
from inference.training.collection import BLOCKS, CollectionOptions, from_collection, with_held_out_parts
from inference.training.controls import control_accuracies
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.mixture import fit_mixture
from inference.training.options import Learning, TrainingOptions
from inference.training.recipes import recipe
from inference.training.scores import cluster_accuracy

FILE = DATA / "jurkat_ifc_exp1.npz"
PHASES = ("G1", "S_phase", "G2", "Prophase")
CHANNELS = ("transmission", "side_scatter")
RECIPE = replace(
    recipe(Learning.CONTRAST),
    widths=(16, 32, 64),
    clusters=4,
    looks=Looks(shift_share=0.08, noise=0.1),
    progress=False,
)
LABELLED_EPOCHS = 40


@dataclass(frozen=True)
class Fold:
    """Cells learnt from, cells that stop the training, and cells held out."""

    train: TrainingSet
    stop: TrainingSet
    test: TrainingSet


def cells_of_four_phases(channels: tuple[str, ...] = CHANNELS) -> TrainingSet:
    """Return the cells in five blocks of each class; only classes with hundreds of cells.

    Raises
    ------
    ConfigError
        If the real images are not there.
    """
    options = CollectionOptions(channels=channels, side=40)
    cells = from_collection(open_real_images(FILE), FILE.name, options, lambda _done, _of: None)
    names = np.array(cells.label_names)[cells.label]
    kept = np.isin(names, PHASES)
    return with_held_out_parts(cells.where(kept).labelled(names[kept].tolist()))


def fold(cells: TrainingSet, held_out: int) -> Fold:
    """Hold out one block; the block before it stops the training, and is learnt from by the classifier alone."""
    names = cells.run_names
    stop = names[held_out - 1]
    test = cells.of_runs([names[held_out]])
    return Fold(cells.of_runs([n for n in names if n not in (stop, names[held_out])]), cells.of_runs([stop]), test)


def told_the_labels(options: TrainingOptions) -> TrainingOptions:
    """Return how the same network learns the phases of the cells themselves."""
    return replace(
        options,
        learning=Learning.LABELS,
        epochs=LABELLED_EPOCHS,
        patience=LABELLED_EPOCHS,
        folder=options.folder and options.folder / "labels",
    )


def scores(part: Fold, options: TrainingOptions) -> dict[str, float]:
    """Return balanced accuracies on the cells held out: of the frozen encoder, and of the controls."""
    model = fit_encoders(part.train, part.stop, options).model
    labelled = fit_encoders(part.train, part.stop, told_the_labels(options)).model
    learnt = TrainingSet.concatenate([part.train, part.stop])
    seen, new = encode(model, learnt), encode(model, part.test)
    classes = len(PHASES)
    mixture = fit_mixture(seen, classes, options.seed, axes=options.axes)
    groups = mixture.cluster(mixture.embed(new))
    return {
        "linear classifier on the frozen contrastive encoder": linear(seen, learnt.label, new, part.test.label),
        "linear classifier on the same network, trained with the labels": linear(
            encode(labelled, learnt), learnt.label, encode(labelled, part.test), part.test.label
        ),
        "4 clusters of the contrastive encoder, without labels": cluster_accuracy(
            part.test.label, groups, classes, classes
        ),
        **control_accuracies(learnt, part.test, options.seed),
    }


def show(folds: Sequence[int], folder: Path | None) -> None:
    """Print the balanced accuracies of every fold, their mean and spread."""
    cells = cells_of_four_phases()
    found = []
    for seed in folds:
        options = replace(RECIPE, seed=seed, folder=folder and folder / f"block-{seed + 1}")
        found.append(scores(fold(cells, seed), options))
        print(f"block {seed + 1}: {found[-1]}", file=sys.stderr, flush=True)
    head = ("real Jurkat cells: balanced accuracy", *(f"block {seed + 1}" for seed in folds), "mean", "spread")
    rows = [
        (
            name.replace("_", " "),
            *(f"{each[name]:.3f}" for each in found),
            f"{np.mean([each[name] for each in found]):.3f}",
            f"{np.std([each[name] for each in found]):.3f}",
        )
        for name in found[0]
    ]
    print(table(head, rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("blocks", nargs="*", type=int, metavar="BLOCK", help="1 to 5; all without any")
    parser.add_argument("--out", type=Path, help="where trainings are kept")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    show([block - 1 for block in asked.blocks] or range(BLOCKS), asked.out)
