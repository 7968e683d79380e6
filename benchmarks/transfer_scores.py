"""How well clusters and novelty of the transfer study agree with the truth, for one encoder or for features by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.transfer_cells import cells_of
from benchmarks.transfer_latents import Doubles, Latents, Training, seen_by
from inference.evaluation.agreement import Agreement, agreement, cluster_agreement
from inference.training.controls import columns_of, control_predictions, hand_made_features
from inference.training.heads import fit_head, standardise
from inference.training.mixture import Covariance, fit_mixture
from inference.training.novelty import choose_novelty

AXES = 4
"""Principal axes that cells are clustered on; chosen on donor A alone."""
REJECTED = (0.01, 0.05, 0.1)
"""Shares of the cells of donor A's validation run that thresholds of novelty call novel."""

Integers = npt.NDArray[np.int32]


@cache
def truth_of(run: str, folder: Path) -> tuple[Integers, tuple[str, ...]]:
    """Return the class of every cell of a run, and the classes' names."""
    cells = cells_of(run, folder)
    return cells.label, cells.label_names


@cache
def by_hand(training: Training, run: str, folder: Path) -> Doubles:
    """Return size, light, texture and shape of every cell, in place of a latent, in spreads of the training run."""
    found = columns_of(seen_by(training, run, folder), hand_made_features)
    learnt = columns_of(seen_by(training, training.learnt, folder), hand_made_features)
    return np.asarray((found - learnt.mean(axis=0)) / np.maximum(learnt.std(axis=0), 1e-9))


def clustered(learnt: Doubles, latent: Doubles, run: str, clusters: int, seed: int, folder: Path) -> Agreement:
    """Fit clusters to some cells, and judge those of a run; the paper fits them to the very cells that it judges."""
    truth, names = truth_of(run, folder)
    mixture = fit_mixture(learnt, clusters, seed, Covariance.FULL, AXES)
    return cluster_agreement(truth, mixture.cluster(mixture.embed(latent)), names, clusters)


def set_apart(learnt: Doubles, latent: Doubles, run: str, seed: int, folder: Path) -> Agreement:
    """Call leukaemia what is in that one of four clusters of a run which is least like the three of the donor learnt.

    No label is looked at: the number of clusters is that of the parts of white blood cells, and one more.
    """
    truth, names = truth_of(run, folder)
    known = fit_mixture(learnt, 3, seed, Covariance.FULL, AXES)
    own = fit_mixture(latent, 4, seed, Covariance.FULL, AXES)
    cluster = own.cluster(own.embed(latent))
    present = np.unique(cluster)
    centres = np.stack([known.embed(latent[cluster == each]).mean(axis=0) for each in present])
    strange = cluster == present[known.novelty(centres).argmax()]
    leukaemia = names.index("leukaemia")
    return agreement(truth, np.where(strange, leukaemia, 1 - leukaemia), names)


def headed(latents: Latents, learnt: str, run: str, seed: int, folder: Path) -> Agreement:
    """Fit a class head to the labels of one run, and judge it on another."""
    label, names = truth_of(learnt, folder)
    truth, _ = truth_of(run, folder)
    mixture = fit_mixture(latents[learnt], len(names), seed)
    head = fit_head(standardise(latents[learnt], mixture), label, len(names), hidden=32, epochs=60, seed=seed)
    with torch.inference_mode():
        told = head(torch.from_numpy(standardise(latents[run], mixture))).argmax(dim=1).numpy()
    return agreement(truth, told, names)


@dataclass(frozen=True)
class Novelty:
    """How well cells of a kind that no training saw stand out.

    Attributes
    ----------
    auc
        Area under the curve.
    recall, false_alarms
        Share of them, and of the other cells, beyond each threshold of `REJECTED`, which were set before.
    """

    auc: float
    recall: tuple[float, ...]
    false_alarms: tuple[float, ...]


def novelty(latents: Latents, learnt: str, validation: str, run: str, seed: int, folder: Path) -> Novelty:
    """Score cells by the house's novelty on the axes of a bundle, chosen and set on the training donor alone."""
    truth, names = truth_of(run, folder)
    strange = truth == names.index("leukaemia")
    mixture = fit_mixture(latents[learnt], 3, seed, axes=AXES)
    own = mixture.embed(latents[learnt])
    score = choose_novelty(own, truth_of(learnt, folder)[0], mixture, seed).score
    found = score.score(mixture.embed(latents[run]))
    usual = score.score(mixture.embed(latents[validation]))
    over = found[:, None] > np.quantile(usual, 1 - np.array(REJECTED))
    shares = (tuple(over[part].mean(axis=0).tolist()) for part in (strange, ~strange))
    return Novelty(float(roc_auc_score(strange, found)), *shares)


def controls(training: Training, learnt: str, run: str, folder: Path) -> dict[str, Agreement]:
    """Fit what needs no model to the labels of one run, and judge it on another."""
    fitted, judged = seen_by(training, learnt, folder), seen_by(training, run, folder)
    told = control_predictions(fitted, judged, seed=0)
    return {name: agreement(judged.label, predicted, judged.label_names) for name, predicted in told.items()}
