"""Paper B's inflation: weights of three channels on others, against random ones and other scales, after few passes.

`python -m benchmarks.inflation --out FOLDER [--seeds N]`. ImageNet's weights are not here, so that a ResNet-18 learns
kinds of real blood cells in colour first (Acevedo et al. 2020, the middle 96 pixels shrunk to 48). Its weights are then
begun with, inflated as paper B does and scaled by three over the number of channels, beside random weights; all learn
for few passes, or are frozen as in paper B and only what stands behind them learns. They see

- simulated cells: whether dexamethasone moved the receptor that GFP marks, by ten bands of a spectral light sheet, six
  of which see GFP, more or less, and four nothing; whole runs are held out;
- real Jurkat cells (Blasi et al. 2016): four phases of the cell cycle by brightfield, darkfield and the stain of DNA,
  and without the stain. Three channels take the weights as they are.

Cells, weights and scores that are in the folder are taken from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from acquisition.presets import SPECTRAL_BANDS_NM
from benchmarks.concepts import RESNET, blood_weights
from benchmarks.jurkat import cells_of_four_phases, fold
from benchmarks.kept_cells import kept_cells
from benchmarks.page import table
from inference.training.controls import control_accuracies
from inference.training.data import TrainingSet
from inference.training.fit import encode_by, fit_encoders
from inference.training.known.inflation import Inflation
from inference.training.models import LabelledEncoders
from inference.training.options import TrainingOptions
from inference.training.scores import balanced_accuracy
from service.cli.collect import collect
from service.cli.model_kinds import KINDS, Wanted

BANDS = tuple(f"band_{nm}_flat" for nm in SPECTRAL_BANDS_NM)
SOURCE = "sim:sheet-spectral?sample=hek-gr:dex=0.5&rate=12&seed={seed}"
RUNS, CELLS_OF_RUN = 6, 100
STAINED = ("transmission", "side_scatter", "fluorescence")
LEARNT_JURKAT = 600
LEARNT_ON = 3
"""Channels of the weights."""
EPOCHS = 4
BEGINNINGS: dict[str, Inflation | None] = {
    "random": None,
    "inflated as paper B does": Inflation.NONE,
    "inflated, times 3/C": Inflation.THREE_OF_C,
}


Parts = tuple[TrainingSet, TrainingSet, TrainingSet]
"""Cells learnt from, cells that choose the best pass, and cells held out."""


def simulated(folder: Path) -> TrainingSet:
    """Return the cells of several simulated runs, in ten bands, of means over squares of two pixels."""
    kind = replace(KINDS["classifier2d"], several=True, image_pool=2)
    parts = []
    for seed in range(RUNS):
        place = SOURCE.format(seed=seed + 1)
        parts.append(
            kept_cells(
                folder / f"simulated-{seed + 1}.npz",
                lambda place=place: collect(place, CELLS_OF_RUN, Wanted(kind, BANDS), lambda _done, _of: None),
            )
        )
    return TrainingSet.concatenate(parts)


def parts_of(cells: TrainingSet, seed: int) -> Parts:
    """Hold out two runs of the simulated ones, and one that chooses the best pass; others with every seed."""
    names = np.roll(cells.run_names, seed).tolist()
    return cells.of_runs(names[3:]), cells.of_runs(names[2:3]), cells.of_runs(names[:2])


def few_jurkat(channels: tuple[str, ...], seed: int) -> Parts:
    """Hold out a block of Jurkat cells, and learn from few of the others."""
    part = fold(cells_of_four_phases(channels), seed)
    kept = np.zeros(len(part.train), dtype=np.bool_)
    kept[np.random.default_rng(seed).permutation(len(part.train))[:LEARNT_JURKAT]] = True
    return part.train.where(kept), part.stop, part.test


def accuracy(train: TrainingSet, stop: TrainingSet, test: TrainingSet, options: TrainingOptions) -> float:
    """Return the balanced accuracy on held-out cells after few passes."""
    model = fit_encoders(train, stop, options).model
    if not isinstance(model, LabelledEncoders):
        raise TypeError("Only a model that learns classes says which one a cell is.")
    told = encode_by(lambda prepared: model.classes(model.latent(prepared)), model, test).argmax(axis=1)
    return balanced_accuracy(test.label, told, len(test.label_names))


def study(what: str, sets: list[Parts], folder: Path, weights: Path) -> list[tuple[str, ...]]:
    """Return a row for each beginning, learnt on and frozen, and for each control: mean and spread over seeds."""
    found: dict[str, list[float]] = {}
    for seed, parts in enumerate(sets):
        file = folder / f"scores-{what.replace(',', '').replace(' ', '-')}-{seed}.json"
        scores = json.loads(file.read_text()) if file.exists() else control_accuracies(parts[0], parts[2], seed)
        for name, options in beginnings(len(parts[0].channels), seed, weights):
            if name not in scores:
                scores[name] = accuracy(*parts, options)
                file.write_text(json.dumps(scores))
        for name, score in scores.items():
            found.setdefault(name, []).append(score)
    return [
        (what, name.replace("_", " "), f"{np.mean(each):.3f}", f"{np.std(each):.3f}") for name, each in found.items()
    ]


def beginnings(channels: int, seed: int, weights: Path) -> Iterator[tuple[str, TrainingOptions]]:
    """Give every way to begin with its options; with three channels nothing is inflated."""
    for name, inflation in BEGINNINGS.items():
        if channels == LEARNT_ON and inflation is Inflation.THREE_OF_C:
            continue
        told = "of blood cells, as they are" if channels == LEARNT_ON and inflation else name
        begun = replace(RESNET, epochs=EPOCHS, patience=EPOCHS, batch=32, seed=seed)
        if inflation is not None:
            begun = replace(begun, weights=weights, inflation=inflation)
        yield f"{told}, learnt on", begun
        yield f"{told}, frozen", replace(begun, frozen=True)


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--seeds", default=3, show_default=True, help="Of weights, of order, and of what is held out.")
def main(out: Path, seeds: int) -> None:
    """Print balanced accuracies on held-out cells."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    weights, cells = blood_weights(out), simulated(out)
    rows: list[tuple[object, ...]] = []
    rows += study("simulated, 10 bands", [parts_of(cells, seed) for seed in range(seeds)], out, weights)
    for channels, what in ((STAINED, "real Jurkat, 3 channels"), (STAINED[:2], "real Jurkat, 2 channels, no stain")):
        rows += study(what, [few_jurkat(channels, seed) for seed in range(seeds)], out, weights)
    click.echo(table(("cells", "weights", "balanced accuracy, mean", "spread"), rows))


if __name__ == "__main__":
    main()
