"""`python -m benchmarks.jurkat_bounds [BLOCK ...]`: what more labels, or a larger network, would tell of Jurkat cells.

Real images and blocks as in `python -m benchmarks.jurkat`. Networks learn the phases of so many cells themselves, in no
fewer steps where cells are few; what they make of the block held out says what there is to gain from cells. Beside them
stand the controls, and a linear classifier fitted to so many labels on a contrastive encoder that saw those of three
blocks without any. With `--network`, that network alone is trained.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from benchmarks.frozen import linear
from benchmarks.jurkat import RECIPE, Fold, cells_of_four_phases, fold, told_the_labels
from benchmarks.page import table
from inference.training.architecture import Network
from inference.training.collection import BLOCKS
from inference.training.controls import control_accuracies
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.options import Learning, TrainingOptions
from inference.training.recipes import recipe

CELLS = (500, 1000, 2000, 2650)
"""Of five blocks of 661 cells: up to 1983 are of three, more are of four, the one that ends the training among them."""


def share(cells: TrainingSet, count: int) -> TrainingSet:
    """Return about so many cells, evenly over each class in the file's order; all where there are no more."""
    kept = np.zeros(len(cells), dtype=np.bool_)
    for label in np.unique(cells.label):
        rows = np.flatnonzero(cells.label == label)
        wanted = min(round(count * len(rows) / len(cells)), len(rows))
        kept[rows[np.linspace(0, len(rows) - 1, wanted).astype(np.intp)]] = True
    return cells.where(kept)


def labelled_options(network: Network, seed: int, count: int, of: int) -> TrainingOptions:
    """Return how a network learns phases, in as many steps as `of` cells would give it."""
    options = told_the_labels(replace(RECIPE, seed=seed))
    if network is not Network.STRIDED:
        options = replace(recipe(Learning.LABELS, network), looks=options.looks, clusters=options.clusters, seed=seed)
        options = replace(options, progress=False)
    epochs = max(options.epochs, round(options.epochs * of / count))
    return replace(options, epochs=epochs, patience=epochs)


def of_labels(part: Fold, counts: Sequence[int], network: Network, seed: int) -> dict[str, list[float]]:
    """Return balanced accuracies on the block held out, by what told the phases, for each number of labels."""
    plain = network is Network.STRIDED
    frozen = fit_encoders(part.train, part.stop, replace(RECIPE, seed=seed)).model if plain else None
    found: dict[str, list[float]] = {}
    for count in counts:
        every = TrainingSet.concatenate([part.train, part.stop])
        learnt = share(part.train if count <= len(part.train) else every, count)
        options = labelled_options(network, seed, len(learnt), len(part.train))
        models = {f"{network}, trained with the labels": fit_encoders(learnt, part.stop, options).model}
        if frozen is not None:
            models["linear classifier on the frozen contrastive encoder"] = frozen
        for name, model in models.items():
            told = linear(encode(model, learnt), learnt.label, encode(model, part.test), part.test.label)
            found.setdefault(name, []).append(told)
        controls = control_accuracies(learnt, part.test, seed) if plain else {}
        for name, told in controls.items():
            found.setdefault(name.replace("_", " "), []).append(told)
        print(f"{count} labels: { {name: values[-1] for name, values in found.items()} }", file=sys.stderr, flush=True)
    return found


def show(blocks: Sequence[int], counts: Sequence[int], network: Network) -> None:
    """Print mean and spread over blocks of every balanced accuracy, for each number of labels."""
    cells = cells_of_four_phases()
    found = [of_labels(fold(cells, block), counts, network, block) for block in blocks]
    head = (f"real Jurkat cells: balanced accuracy, {len(blocks)} blocks held out", *(f"{n} labels" for n in counts))
    rows = []
    for name in found[0]:
        values = np.array([each[name] for each in found])
        pairs = zip(values.mean(axis=0), values.std(axis=0), strict=True)
        rows.append((name, *(f"{mean:.3f} ± {spread:.3f}" for mean, spread in pairs)))
    print(table(head, rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("blocks", nargs="*", type=int, metavar="BLOCK", help="1 to 5; all without any")
    parser.add_argument("--cells", nargs="+", type=int, default=CELLS, metavar="N", help="labels that are learnt from")
    parser.add_argument("--network", type=Network, choices=list(Network), default=Network.STRIDED)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    show([block - 1 for block in asked.blocks] or range(BLOCKS), asked.cells, asked.network)
