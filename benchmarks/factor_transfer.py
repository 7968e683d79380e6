"""Paper D's transfer: do factors that were learnt from simulated cells tell anything of real ones?

`python -m benchmarks.factor_transfer [PLACE ...] [--out FOLDER]` trains Ada-GVAE with labels and a plain variational
autoencoder on simulated cells of the population `varied`, and reads real Jurkat cells (brightfield) and real blood
cells (grey) through both: as they are, and after some passes over real cells without labels. Classes are told by
boosted trees and by a perceptron; of blood cells, numbers that belong to a factor stand beside what pathologists say.
Cells kept by `lightline train factors2d ... --keep-cells` can be given: the last one stops the training.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from acquisition.real_images import open_real_images
from benchmarks import jurkat, pbc
from benchmarks.factors import RUNS
from benchmarks.kept_cells import kept_cells
from benchmarks.page import row, table
from inference.training.batches import pooled
from inference.training.collection import CollectionOptions, from_collection, with_held_out_parts
from inference.training.data import TrainingSet
from inference.training.factor_scores import plain_measures
from inference.training.fit import encode, fit_encoders
from inference.training.options import Learning
from inference.training.recipes import recipe
from inference.training.scores import balanced_accuracy
from inference.training.split import split_by_run
from inference.training.variational import VariationalAutoencoders
from service.cli.collect import collect_told
from service.cli.model_kinds import FACTORS, KINDS, Wanted

SIDE = 40
"""Of all images, pixels of about half a micrometre: a field of 20 um."""
JURKAT_BLOCK = 4
ADAPTING_RATE, ADAPTING_BATCH = 1e-4, 64
SAID = {
    "diameter_um": ("cell_size", "big"),
    "nucleus_ratio": ("nuclear_cytoplasmic_ratio", "high"),
    "granules_per_um3": ("granularity", "yes"),
}
"""The pathologists' attribute that a factor should go with, and the word that should go with much of it."""
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Real:
    """Real cells learnt from, and cells that are judged; of one channel of `SIDE` pixels."""

    name: str
    train: TrainingSet
    test: TrainingSet


@click.command()
@click.argument("places", nargs=-1)
@click.option("--cells", default=1000, show_default=True, help="Of each simulated run.")
@click.option("--epochs", type=int, help="Passes over simulated cells (default: the recipe's).")
@click.option("--adapting", default=10, show_default=True, help="Passes over real cells, without labels.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Where real cells and trainings are kept.")
def main(places: tuple[str, ...], cells: int, epochs: int | None, adapting: int, seed: int, out: Path | None) -> None:
    """Print what readouts tell, and how factors agree with pathologists."""
    torch.set_num_threads(1)
    wanted = Wanted(KINDS["factors2d"], factors=FACTORS)
    *learnt, validation = (collect_told(place, cells, wanted) for place in places or RUNS[:-1])
    train = TrainingSet.concatenate(learnt)
    models = {}
    for learning, name in ((Learning.VARIATION, "plain VAE"), (Learning.FACTORS, "Ada-GVAE, labels")):
        options = replace(recipe(learning, epochs=epochs), seed=seed, progress=False, folder=out and out / learning)
        model = fit_encoders(train, validation, options).model
        if not isinstance(model, VariationalAutoencoders):
            raise TypeError("Both kinds are variational.")
        models[name] = model
    for real in (jurkat_cells(), blood_cells(out)):
        adapted = {name: after_passes(model, real.train, adapting, seed) for name, model in models.items()}
        print(f"\n{real.name}: {len(real.train)} cells learnt from, {len(real.test)} judged\n")
        print(table(("balanced accuracy", "numbers", "boosted trees", "perceptron"), []))
        for line in told(real, models, adapted, seed):
            print(row(line), flush=True)
        if real.name.startswith("blood"):
            print()
            print(table(("area under the curve", *(f"{fact}: {word}" for fact, word in SAID.values())), []))
            for line in agreement(real, models["Ada-GVAE, labels"], adapted["Ada-GVAE, labels"]):
                print(row(line), flush=True)


def jurkat_cells() -> Real:
    """Return brightfield images of Jurkat cells, a block of five of which is judged.

    Raises
    ------
    ConfigError
        If they are not there.
    """
    cells = jurkat.cells_of_four_phases()
    part = jurkat.fold(_of_channel(cells, "transmission"), JURKAT_BLOCK)
    return Real("Jurkat cells, four phases", TrainingSet.concatenate([part.train, part.stop]), part.test)


def blood_cells(out: Path | None) -> Real:
    """Return grey images of blood cells, of which the given validation part is judged.

    Raises
    ------
    ConfigError
        If they are not there.
    """
    options = CollectionOptions(channels=("grey",), side=2 * SIDE, shrink=2)
    kept = kept_cells(
        out and out / "blood.npz",
        lambda: with_held_out_parts(
            from_collection(open_real_images(pbc.FILE), pbc.FILE.name, options, lambda _done, _of: None)
        ),
    )
    split = split_by_run(_of_channel(kept, "grey"), pbc.SUPERVISED)
    return Real("blood cells, eight kinds", TrainingSet.concatenate([split.train, split.validation]), split.test)


def _of_channel(cells: TrainingSet, name: str) -> TrainingSet:
    """Return cells with one of their channels, under the name that encoders of simulated cells know."""
    return replace(cells, images={"transmission": cells.images[name]}, pool={"transmission": 1})


def after_passes(model: VariationalAutoencoders, cells: TrainingSet, epochs: int, seed: int) -> VariationalAutoencoders:
    """Return a copy that went on drawing real cells again, without labels, as a plain autoencoder."""
    adapted = copy.deepcopy(model)
    adapted.factors = 0
    optimiser = torch.optim.AdamW(adapted.parameters(), lr=ADAPTING_RATE)
    rng, generators = np.random.default_rng(seed), {adapted.channel: torch.Generator().manual_seed(seed)}
    adapted.train()
    for rows in (part for _ in range(epochs) for part in _batches(rng.permutation(len(cells)))):
        optimiser.zero_grad(set_to_none=True)
        prepared = adapted.preprocess(pooled(adapted, cells, rows))
        torch.autograd.backward(adapted.loss(prepared, torch.zeros(0), generators))
        optimiser.step()
    return adapted.eval()


def _batches(order: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    for at in range(0, len(order) - 1, ADAPTING_BATCH):
        yield order[at : at + ADAPTING_BATCH]


def told(
    real: Real, models: dict[str, VariationalAutoencoders], adapted: dict[str, VariationalAutoencoders], seed: int
) -> Iterator[tuple[object, ...]]:
    """Give a row for each encoder, before and after passes over real cells, beside what needs no encoder."""
    majority = np.full(len(real.test), np.bincount(real.train.label).argmax())
    yield "majority", 0, f"{balanced_accuracy(real.test.label, majority, len(real.test.label_names)):.3f}", ""
    columns = [plain_measures(part) for part in (real.train, real.test)]
    yield _row("mean, spread and area of the image", real, *columns, seed)
    for when, of in (("as learnt from simulated cells", models), ("after passes over real cells", adapted)):
        for name, model in of.items():
            seen, new = encode(model, real.train), encode(model, real.test)
            yield _row(f"{name}, {when}", real, seen, new, seed)
            if models[name].factors:
                own = slice(models[name].factors)
                yield _row(f"{name}, {when}: of factors alone", real, seen[:, own], new[:, own], seed)


def _row(name: str, real: Real, seen: Floats, new: Floats, seed: int) -> tuple[object, ...]:
    boosted = HistGradientBoostingClassifier(learning_rate=0.1, max_depth=4, class_weight="balanced", random_state=seed)
    perceptron = make_pipeline(
        StandardScaler(),
        MLPClassifier((256, 256), learning_rate_init=1e-4, max_iter=100, early_stopping=True, random_state=seed),
    )
    found = []
    for readout in (boosted, perceptron):
        with threadpool_limits(1):
            answers = readout.fit(seen, real.train.label).predict(new)
        found.append(f"{balanced_accuracy(real.test.label, answers, len(real.test.label_names)):.3f}")
    return name, seen.shape[1], *found


def agreement(
    real: Real, model: VariationalAutoencoders, adapted: VariationalAutoencoders
) -> Iterator[tuple[object, ...]]:
    """Give how well each number that belongs to a factor tells what pathologists say, on judged cells with a word.

    The first number is that of the factor and has its direction; the best plain measure may point either way.
    """
    collection = open_real_images(pbc.FILE)
    judged = np.array(collection.splits) == "val"
    said = {fact: np.array(collection.facts[fact])[judged] for fact, _ in SAID.values()}
    plain = np.abs(_areas(plain_measures(real.test), said) - 0.5).max(axis=0) + 0.5
    yield "best of mean, spread and area", *(f"{one:.3f}" for one in plain)
    for when, of in (("as learnt from simulated cells", model), ("after passes over real cells", adapted)):
        areas = _areas(encode(of, real.test)[:, : len(FACTORS)], said)
        for k, factor in enumerate(FACTORS):
            yield f"number of {factor}, {when}", *(f"{one:.3f}" for one in areas[k])


def _areas(columns: Floats, said: dict[str, npt.NDArray[np.str_]]) -> npt.NDArray[np.float64]:
    """Return the area under the curve of each column for each fact of `SAID`, `(columns, facts)`."""
    found = []
    for fact, word in SAID.values():
        known = said[fact] != ""
        found.append([roc_auc_score(said[fact][known] == word, column[known]) for column in columns.T])
    return np.array(found).T


if __name__ == "__main__":
    main()
