"""`python -m benchmarks.digits`: what the encoders make of real images that everybody has: handwritten digits.

Real images (scikit-learn's 1797 digits of 8 x 8 pixels, drawn twice as large), not cells. Clusters, classes from few
labels, and novelty, through the same functions that make bundles. Encoders and clusters are fitted to the images that
they are judged on, without their labels; classifiers and novelty are judged on images that they were not fitted to.
Options were chosen on seeds from 100 on.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from statistics import median

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from acquisition.origin import Origin
from benchmarks.page import table
from inference.training.augment import Looks
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.mixture import fit_mixture
from inference.training.novelty import fit_scores
from inference.training.options import Learning, TrainingOptions
from inference.training.scores import cluster_accuracy

SEEDS = (0, 1, 2, 3, 4)
SHOTS = (1, 3, 5, 10)
DRAWS = 20
CHANNEL = "transmission"

DRAWN_AGAIN = TrainingOptions(
    latent=10, widths=(16, 32, 64), epochs=60, patience=60, clusters=10, augment=False, progress=False
)
"""The autoencoder of paper A."""
TOLD_APART = TrainingOptions(
    learning=Learning.CONTRAST,
    latent=64,
    axes=16,
    widths=(16, 32, 64),
    epochs=200,
    patience=200,
    batch=512,
    learning_rate=4e-3,
    weight_decay=1e-4,
    anneal=True,
    temperature=0.5,
    projected=64,
    clusters=10,
    augment=False,
    # A digit that is turned far, or flipped, is another digit; its size and lean are its writer's.
    looks=Looks(flip=False, turn_deg=25, shift_share=0.15, stretch=0.25, shear=0.3, gain=0.3, blur_px=0.6, noise=0.1),
    progress=False,
)
NOVELTY_AXES = TOLD_APART.latent
"""Novelty is looked for in the whole latent: what tells digits from each other does not tell them from all others."""

Floats = npt.NDArray[np.floating]


def digits(seed: int) -> TrainingSet:
    """Return the digits in any order, as images of 16 x 16, dark on a background of 1."""
    images, label = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(label))
    small = torch.from_numpy(images[order].reshape(-1, 1, 8, 8) / 16).float()
    drawn = 1 - torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")[:, 0].numpy()
    return TrainingSet(
        images={CHANNEL: drawn},
        pool={CHANNEL: 1},
        label=label[order].astype(np.int32),
        label_names=tuple("0123456789"),
        run=np.zeros(len(label), dtype=np.int32),
        run_names=("digits",),
        pixel_um=None,
        instrument_kind="image_collection",
        origin=Origin.MEASURED,
    )


def latents(cells: TrainingSet, learnt: npt.NDArray[np.bool_], options: TrainingOptions) -> Floats:
    """Fit encoders to some of the images; return the latents of all."""
    part = cells.where(learnt)
    few = part.where(np.arange(len(part)) < 256)
    return encode(fit_encoders(part, few, options).model, cells)


def clustering(seed: int) -> tuple[dict[str, float], Floats]:
    """Return the accuracy of clusters of each encoder and of the pixels, and the contrastive latents."""
    cells, every = digits(seed), np.ones(1797, dtype=np.bool_)
    pixels = cells.images[CHANNEL].reshape(len(cells), -1)
    with threadpool_limits(1):
        means = KMeans(10, n_init=10, random_state=seed).fit_predict(pixels)
    found = {"k-means of pixels": cluster_accuracy(cells.label, means, 10, 10)}
    latent = np.empty(0)
    for name, options in (("autoencoder", DRAWN_AGAIN), ("contrastive", TOLD_APART)):
        options = replace(options, seed=seed)
        latent = latents(cells, every, options)
        mixture = fit_mixture(latent, 10, seed, axes=options.axes)
        found[name] = cluster_accuracy(cells.label, mixture.cluster(mixture.embed(latent)), 10, 10)
    return found, latent


def few_labels(latent: Floats, label: npt.NDArray[np.int32], shots: int, seed: int) -> float:
    """Return the accuracy of a linear classifier of `shots` labels per class on all other images, mean of 20 draws."""
    scaled = (latent - latent.mean(axis=0)) / latent.std()
    rng, right = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        learnt = np.concatenate([rng.choice(np.flatnonzero(label == k), shots, replace=False) for k in range(10)])
        others = np.setdiff1d(np.arange(len(label)), learnt)
        with threadpool_limits(1):
            model = LogisticRegression(max_iter=1000).fit(scaled[learnt], label[learnt])
            right.append(float((model.predict(scaled[others]) == label[others]).mean()))
    return float(np.mean(right))


def novelty(digit: int, seed: int) -> dict[str, float]:
    """Return the area under the curve of each score for one digit.

    Encoder and scores are fitted to one half of the other digits; the other half has to be less novel than all images
    of the digit that was left out.
    """
    cells = digits(seed)
    learnt, judged = np.array_split(np.flatnonzero(cells.label != digit), 2)
    latent = latents(cells, np.isin(np.arange(len(cells)), learnt), replace(TOLD_APART, seed=seed))
    mixture = fit_mixture(latent[learnt], 9, seed, axes=NOVELTY_AXES)
    embedding = mixture.embed(latent)
    seen = np.concatenate([judged, np.flatnonzero(cells.label == digit)])
    truth = cells.label[seen] == digit
    scores = fit_scores(embedding[learnt], cells.label[learnt], mixture, seed)
    return {name: float(roc_auc_score(truth, each.score(embedding[seen]))) for name, each in scores.items()}


def show_clusters() -> None:
    """Print clusters and few labels of every seed, and what the labels of the pixels alone give."""
    rows, curves = [], []
    for seed in SEEDS:
        found, latent = clustering(seed)
        cells = digits(seed)
        rows.append(found)
        pixels = cells.images[CHANNEL].reshape(len(cells), -1)
        curves.append([[few_labels(part, cells.label, n, seed) for n in SHOTS] for part in (pixels, latent)])
        print(f"seed {seed}: {found}", file=sys.stderr, flush=True)
    head = ("clusters of real digits: accuracy", *(f"seed {seed}" for seed in SEEDS), "median")
    print(table(head, [(n, *(f"{r[n]:.3f}" for r in rows), f"{median(r[n] for r in rows):.3f}") for n in rows[0]]))
    mean = np.mean(curves, axis=0)
    named = zip(("pixels", "contrastive"), mean, strict=True)
    head = ("linear classifier of real digits: accuracy", *(f"{n} per class" for n in SHOTS))
    print("\n" + table(head, [(name, *(f"{value:.3f}" for value in row)) for name, row in named]))


def show_novelty() -> None:
    """Print how well each score finds each digit that the encoder never saw."""
    found = [novelty(digit, 0) for digit in range(10)]
    rows = [(digit, *(f"{value:.3f}" for value in row.values())) for digit, row in enumerate(found)]
    means = [np.mean([row[name] for row in found]) for name in found[0]]
    head = ("real digit left out: area under the curve", *found[0])
    print("\n" + table(head, [*rows, ("mean", *(f"{mean:.3f}" for mean in means))]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    show_clusters()
    show_novelty()
