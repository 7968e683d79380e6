"""`python -m benchmarks.pbc [classes] [few] [novelty]`: eight kinds of real blood cells, split as they come.

Real images (Acevedo et al. 2020, stained smears, 128 x 128 pixels of which the middle 96 are kept and shrunk to 48).
The part `val` of the collection's own split is looked at once, at the end; the last eighth of each class of `train`
stops the training and sets temperature, thresholds and conformal sets. Whether donors are kept apart is not known.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from acquisition.real_images import open_real_images
from benchmarks.page import DATA, table
from inference.report import format_metrics
from inference.training.augment import Looks
from inference.training.collection import CollectionOptions, from_collection, with_held_out_parts
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.mixture import fit_mixture
from inference.training.novelty import fit_scores
from inference.training.options import Learning
from inference.training.recipes import recipe
from inference.training.scores import balanced_accuracy
from inference.training.split import RunSplit, split_by_run
from inference.training.train import train_bundle

FILE = DATA / "pbc_dev_128.zip"
COLOURS = ("red", "green", "blue")
SHOTS = (1, 5, 20)
DRAWS = 20
SUPERVISED = replace(
    recipe(Learning.LABELS),
    name="pbc",
    command="python -m benchmarks.pbc classes",
    widths=(16, 32, 64, 128),
    clusters=8,
    looks=Looks(shift_share=0.06),
    progress=False,
)
CONTRASTIVE = replace(
    SUPERVISED,
    learning=Learning.CONTRAST,
    latent=64,
    epochs=12,
    patience=12,
    batch=256,
    weight_decay=1e-4,
    projected=64,
)
LEFT_OUT = replace(SUPERVISED, widths=(16, 32, 64), epochs=6, patience=6)
"""For the eight trainings without one class."""

Floats = npt.NDArray[np.floating]


def blood_cells() -> TrainingSet:
    """Return all cells in three colours and grey.

    Raises
    ------
    ConfigError
        If the real images are not there.
    """
    options = CollectionOptions(channels=(*COLOURS, "grey"), side=96, shrink=2)
    return with_held_out_parts(from_collection(open_real_images(FILE), FILE.name, options, lambda _done, _of: None))


def seen_in(cells: TrainingSet, channels: tuple[str, ...]) -> TrainingSet:
    """Return the same cells in some of their channels."""
    return replace(cells, images={c: cells.images[c] for c in channels}, pool={c: cells.pool[c] for c in channels})


def linear(seen: Floats, label: npt.NDArray[np.int32], new: Floats, truth: npt.NDArray[np.int32]) -> float:
    """Return the balanced accuracy of a linear classifier."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced"))
    with threadpool_limits(1):
        told = model.fit(seen, label).predict(new)
    return balanced_accuracy(truth, told, int(truth.max()) + 1)


def show_classes(cells: TrainingSet) -> None:
    """Print what a model made of all labels does on the held-out part, in colour with all its controls, and in grey."""
    began = time.process_time()
    bundle = train_bundle(seen_in(cells, COLOURS), SUPERVISED)
    print(f"\nreal blood cells in three colours, {time.process_time() - began:.0f} s of one core\n", flush=True)
    print(format_metrics(bundle.contract.metrics), flush=True)
    split = split_by_run(seen_in(cells, ("grey",)), SUPERVISED)
    model = fit_encoders(split.train, split.validation, SUPERVISED).model
    latents = [encode(model, part) for part in (split.train, split.test)]
    found = linear(latents[0], split.train.label, latents[1], split.test.label)
    print(f"\nthe same in grey: balanced accuracy {found:.3f}\n", flush=True)


def show_few_labels(cells: TrainingSet) -> None:
    """Print what a linear classifier of few labels does on an encoder that saw none."""
    split = split_by_run(seen_in(cells, COLOURS), CONTRASTIVE)
    model = fit_encoders(split.train, split.validation, CONTRASTIVE).model
    latents = [encode(model, part) for part in (split.train, split.test)]
    pixels = [np.concatenate([s.reshape(len(p), -1) for s in p.images.values()], 1) for p in (split.train, split.test)]
    rows: list[tuple[object, ...]] = []
    for name, (seen, new) in (("pixels", pixels), ("contrastive", latents)):
        rows.append((name, *(f"{_few(seen, new, split, shots):.3f}" for shots in SHOTS)))
    everything = linear(latents[0], split.train.label, latents[1], split.test.label)
    head = ("real blood cells, linear: balanced accuracy", *(f"{n} per class" for n in SHOTS))
    print(table(head, rows) + f"\n\nwith every label of the training part: {everything:.3f}\n", flush=True)


def _few(seen: Floats, new: Floats, split: RunSplit, shots: int) -> float:
    rng, label = np.random.default_rng(shots), split.train.label
    found = []
    for _ in range(DRAWS):
        rows = np.concatenate([rng.choice(np.flatnonzero(label == k), shots, replace=False) for k in np.unique(label)])
        found.append(linear(seen[rows], label[rows], new, split.test.label))
    return float(np.mean(found))


def show_novelty(cells: TrainingSet) -> None:
    """Print how well each score finds cells of each class when encoder and scores were fitted without it."""
    every = seen_in(cells, ("grey",))
    found = {name: _without(every, k) for k, name in enumerate(every.label_names)}
    scores = tuple(next(iter(found.values())))
    rows: list[tuple[object, ...]] = [(name, *(f"{row[s]:.3f}" for s in scores)) for name, row in found.items()]
    means = [np.mean([row[s] for row in found.values()]) for s in scores]
    head = ("real blood cells, grey, class left out: area under the curve", *scores)
    print(table(head, [*rows, ("mean", *(f"{mean:.3f}" for mean in means))]), flush=True)


def _without(cells: TrainingSet, left_out: int) -> dict[str, float]:
    split = split_by_run(cells, LEFT_OUT)
    kept = [part.where(part.label != left_out) for part in (split.train, split.validation)]
    model = fit_encoders(kept[0], kept[1], LEFT_OUT).model
    learnt, new = encode(model, kept[0]), encode(model, split.test)
    mixture = fit_mixture(learnt, 7, LEFT_OUT.seed, axes=LEFT_OUT.axes)
    scores = fit_scores(mixture.embed(learnt), kept[0].label, mixture, LEFT_OUT.seed)
    truth = split.test.label == left_out
    found = {name: float(roc_auc_score(truth, each.score(mixture.embed(new)))) for name, each in scores.items()}
    print(cells.label_names[left_out], found, file=sys.stderr, flush=True)
    return found


PARTS = {"classes": show_classes, "few": show_few_labels, "novelty": show_novelty}

if __name__ == "__main__":
    torch.set_num_threads(1)
    blood = blood_cells()
    for part in sys.argv[1:] or PARTS:
        PARTS[part](blood)
