"""Paper B's concept whitening on real blood cells: what pathologists said of white cells, an axis each.

`python -m benchmarks.concepts --out FOLDER` trains ResNet-18 on eight kinds of real cells (Acevedo et al. 2020, the
middle 96 pixels shrunk to 48, in colour), goes on from its weights with and without concept whitening for as many
passes, and prints both accuracies, and how each concept's axis ranks held-out cells by what pathologists said of them
(WBCAtt), beside directions drawn at random, the best single channel of the network that was not whitened, and the true
class. It learns from some cells, evenly over the file; the whole of the collection's own part `val` is looked at once,
at the end. Trainings that are in the folder go on where they were. With `--chosen-on-validation` the cells that stop
the trainings are looked at instead, for recipes that are still to be chosen.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import click
import numpy as np
import torch

from acquisition.real_images import open_real_images
from benchmarks.kept_cells import kept_cells
from benchmarks.one_concept import say_alone
from benchmarks.page import DATA, row, table
from inference.training.architecture import Network
from inference.training.augment import Looks
from inference.training.collection import CollectionOptions, from_collection, with_held_out_parts
from inference.training.concept_choices import ConceptScore
from inference.training.concept_columns import concept_name
from inference.training.concept_scores import concept_curves, curve
from inference.training.concepts import ConceptEncoders
from inference.training.data import TrainingSet
from inference.training.encoder import ConceptAxes
from inference.training.fit import encode_by, fit_encoders
from inference.training.known.blocks import weights_of
from inference.training.known.rotation import scores_of
from inference.training.known.weights_file import write_weights
from inference.training.models import Images, LabelledEncoders
from inference.training.options import Learning, TrainingOptions
from inference.training.recipes import recipe
from inference.training.scores import balanced_accuracy
from inference.training.split import RunSplit, split_by_run

FILE = DATA / "pbc_dev_128.zip"
COLOURS = ("red", "green", "blue")
CONCEPTS = (
    "nucleus_shape=segmented-multilobed",
    "granularity=yes",
    "cell_size=big",
    "nuclear_cytoplasmic_ratio=high",
)
NAMES = tuple(map(concept_name, CONCEPTS))
RESNET = replace(
    recipe(Learning.LABELS, Network.RESNET18), looks=Looks(shift_share=0.06), batch=128, clusters=8, progress=False
)
_SEEN = 1500
"""Training cells that the best channel is chosen on."""


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--cells", default=4800, show_default=True, help="To learn from and to stop by, before the split.")
@click.option("--epochs", default=5, show_default=True, help="Passes before the whitening.")
@click.option("--more", default=3, show_default=True, help="Passes with it, or without.")
@click.option("--layer", "layers", multiple=True, type=int, default=(2, 3, 4), show_default=True)
@click.option(
    "--concept-weight", "taught", multiple=True, type=float, default=(0.0,), show_default=True, help="Of each training."
)
@click.option("--side", default=96, show_default=True, help="Edge of the middle that is looked at, pixels.")
@click.option("--shrink", default=2, show_default=True, help="Of these pixels: 2 shows half as many, 1 shows all.")
@click.option("--alone", multiple=True, type=click.Choice(NAMES), help="Also learn it alone: what limits its axis.")
@click.option("--alone-epochs", default=8, show_default=True, help="Passes of such a network, from the same weights.")
@click.option("--chosen-on-validation", is_flag=True, help="Judge on cells that stop the trainings, none held out.")
@click.option("--score", type=click.Choice(list(ConceptScore)), default=ConceptScore.MEAN, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(
    out: Path,
    cells: int,
    epochs: int,
    more: int,
    layers: tuple[int, ...],
    taught: tuple[float, ...],
    side: int,
    shrink: int,
    alone: tuple[str, ...],
    alone_epochs: int,
    chosen_on_validation: bool,
    score: ConceptScore,
    threads: int,
) -> None:
    """Print accuracies, and the area under the curve of each concept."""
    torch.set_num_threads(threads)
    split = _few_blood_cells(out, cells, side, shrink)
    split = replace(split, test=split.validation) if chosen_on_validation else split
    weights = _begun(out, split, epochs)
    further = replace(RESNET, weights=weights, epochs=more, learning_rate=RESNET.learning_rate / 2)
    plain = fit_encoders(split.train, split.validation, _kept(further, out / "plain")).model
    counts = np.bincount(split.test.label)
    click.echo(
        f"Real blood cells: {len(split.train)} learnt from, {len(split.test)} held out; the largest class "
        f"{counts.max() / counts.sum():.3f}, balanced {1 / len(counts):.3f}\n"
    )
    click.echo(table(("network", "accuracy", "balanced accuracy"), [("not whitened", *_accuracies(plain, split.test))]))
    whitened = {}
    for layer, weight in product(layers, taught):
        options = replace(further, concepts=NAMES, concept_layer=layer, concept_score=score, concept_weight=weight)
        folder = out / f"layer{layer}-{score}{f'-taught{weight:g}' if weight else ''}"
        model = fit_encoders(split.train, split.validation, _kept(options, folder)).model
        if isinstance(model, ConceptEncoders):
            whitened[layer, weight] = model
        click.echo(row((f"layer {layer} whitened, taught {weight:g}", *_accuracies(model, split.test))))
    _say_curves(plain, whitened, split, score)
    if alone:
        say_alone(split, _kept(replace(further, epochs=alone_epochs), out), alone)


def blood_weights(folder: Path, cells: int = 4800, epochs: int = 5) -> Path:
    """Return the weights of a ResNet-18 that learnt kinds of blood cells in colour, made if the folder lacks them."""
    weights = folder / "begin.safetensors"
    return weights if weights.exists() else _begun(folder, _few_blood_cells(folder, cells), epochs)


def _few_blood_cells(folder: Path, cells: int, side: int = 96, shrink: int = 2) -> RunSplit:
    return _split(kept_cells(folder / "cells.npz", partial(_blood_cells, side, shrink)), cells)


def _begun(folder: Path, split: RunSplit, epochs: int) -> Path:
    weights = folder / "begin.safetensors"
    if not weights.exists():
        options = _kept(replace(RESNET, epochs=epochs), folder / "begin")
        begun = fit_encoders(split.train, split.validation, options).model
        write_weights(weights, weights_of(Network.RESNET18, next(iter(begun.encoders.values())).blocks))
    return weights


def _say_curves(
    plain: LabelledEncoders, whitened: dict[tuple[int, float], ConceptEncoders], split: RunSplit, score: ConceptScore
) -> None:
    """Print the area under the curve of every concept at every layer and weight."""
    controls = "random direction", "best of 50", "best other axis", "best plain channel", "true class"
    classes = _by_class(split)
    click.echo("\n" + table(("concept", "layer", "taught", "its axis", *controls), []))
    for (layer, weight), model in whitened.items():
        curves, channels = concept_curves(model, split.test), _best_channels(plain, layer, split, score)
        for name in NAMES:
            told = curves[f"concept_auroc_{name}"]
            numbers = [*told.values(), channels[name], classes[name]]
            click.echo(row((name, layer, f"{weight:g}", *(f"{number:.3f}" for number in numbers))))


def _by_class(split: RunSplit) -> dict[str, float]:
    """Return how well the true class alone ranks each concept, by the share of its training cells that have it."""
    found = {}
    for name in NAMES:
        has, known = split.train.factors[name] == 1.0, np.isfinite(split.train.factors[name])
        of_class = [split.train.label == k for k in range(len(split.train.label_names))]
        shares = np.array([(has & cells).sum() / max((known & cells).sum(), 1) for cells in of_class])
        found[name] = curve(shares[split.test.label], name, split.test) or 0.5
    return found


def _best_channels(plain: LabelledEncoders, layer: int, split: RunSplit, score: ConceptScore) -> dict[str, float]:
    """Return how well one channel of a layer ranks each concept, the best of training cells."""
    (encoder,) = plain.encoders.values()
    encoder.concepts = ConceptAxes(layer, (), score)

    def look(prepared: Images) -> torch.Tensor:
        (images,) = prepared.values()
        maps = encoder.walk(images)[1]
        if maps is None:
            raise TypeError("The network has no such layer.")
        return scores_of(maps, score)

    rows = np.zeros(len(split.train), dtype=bool)
    rows[np.linspace(0, len(rows) - 1, min(len(rows), _SEEN)).astype(int)] = True
    some = split.train.where(rows)
    seen, held_out = encode_by(look, plain, some), encode_by(look, plain, split.test)
    found = {}
    for name in NAMES:
        told = np.array([curve(column, name, some) for column in seen.T], dtype=float)
        best = int(np.abs(told - 0.5).argmax())
        judged = curve(held_out[:, best], name, split.test) or 0.5
        found[name] = judged if told[best] > 0.5 else 1.0 - judged
    return found


def _accuracies(model: LabelledEncoders, test: TrainingSet) -> tuple[str, str]:
    """Return accuracy and balanced accuracy on cells."""
    predicted = encode_by(lambda prepared: model.classes(model.latent(prepared)), model, test).argmax(axis=1)
    balanced = balanced_accuracy(test.label, predicted, len(test.label_names))
    return f"{(predicted == test.label).mean():.3f}", f"{balanced:.3f}"


def _blood_cells(side: int, shrink: int) -> TrainingSet:
    options = CollectionOptions(channels=COLOURS, side=side, shrink=shrink, concepts=CONCEPTS)
    return from_collection(open_real_images(FILE), FILE.name, options, lambda _done, _of: None)


def _split(cells: TrainingSet, most: int) -> RunSplit:
    """Return some cells to learn from and to stop by, and all of the collection's own held-out part."""
    chosen = np.zeros(len(cells), dtype=bool)
    chosen[np.linspace(0, len(cells) - 1, min(most, len(cells))).astype(np.int64)] = True
    some = split_by_run(with_held_out_parts(cells.where(chosen)), RESNET)
    return replace(some, test=cells.of_runs(some.test.run_names))


def _kept(options: TrainingOptions, folder: Path) -> TrainingOptions:
    return replace(options, folder=folder)


if __name__ == "__main__":
    main()
