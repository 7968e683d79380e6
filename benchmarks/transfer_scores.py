"""How well clusters and novelty of the transfer study agree with the truth, for one encoder or for features by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

from benchmarks.transfer_cells import cells_of
from benchmarks.transfer_latents import Doubles, Latents, Training, seen_by
from inference.evaluation.agreement import Agreement, agreement, cluster_agreement
from inference.training.controls import columns_of, control_predictions, hand_made_features
from inference.training.heads import fit_head, standardise
from inference.training.mixture import fit_mixture
from inference.training.novelty import choose_novelty

AXES = 4
"""Principal axes that cells are clustered on; chosen on donor A alone."""
REJECTED = 0.01
"""Share of the cells of donor A's validation run that the threshold of novelty calls novel."""
_STARTS, _REGULARISER = 10, 1e-3

Integers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Clusters:
    """A mixture with full covariances on the first principal axes of standardised latents, as wide as they are.

    Ten k-means starts (paper A); axes that say little stay short, so that they do not decide the start.
    """

    centre: Doubles
    spread: Doubles
    axes: Doubles
    mixture: GaussianMixture

    @classmethod
    def fit(cls, latent: Doubles, clusters: int, seed: int) -> Self:
        """Fit axes and clusters to `(n, d)` latents."""
        centre, spread = latent.mean(axis=0), np.maximum(latent.std(axis=0), 1e-9)
        axes = np.linalg.svd((latent - centre) / spread, full_matrices=False)[2][:AXES].T
        embedding = ((latent - centre) / spread) @ axes
        regulariser = _REGULARISER * float(embedding.var(axis=0).mean())
        mixture = GaussianMixture(clusters, n_init=_STARTS, reg_covar=regulariser, random_state=seed)
        return cls(centre, spread, axes, mixture.fit(embedding))

    def of(self, latent: Doubles) -> Integers:
        """Return the cluster of every cell."""
        return np.asarray(self.mixture.predict(((latent - self.centre) / self.spread) @ self.axes), dtype=np.int32)


@cache
def truth_of(run: str, folder: Path) -> tuple[Integers, tuple[str, ...]]:
    """Return the class of every cell of a run, and the classes' names."""
    cells = cells_of(run, folder)
    return cells.label, cells.label_names


@cache
def by_hand(training: Training, run: str, folder: Path) -> Doubles:
    """Return size, light, texture and shape of every cell, in place of a latent."""
    return columns_of(seen_by(training, run, folder), hand_made_features)


def clustered_on_run(latent: Doubles, run: str, clusters: int, seed: int, folder: Path) -> Agreement:
    """Fit clusters to the very cells that are judged, as the paper does."""
    truth, names = truth_of(run, folder)
    return cluster_agreement(truth, Clusters.fit(latent, clusters, seed).of(latent), names, clusters)


def clustered_before(learnt: Doubles, latent: Doubles, run: str, clusters: int, seed: int, folder: Path) -> Agreement:
    """Fit clusters to other cells, and judge them as they stand."""
    truth, names = truth_of(run, folder)
    return cluster_agreement(truth, Clusters.fit(learnt, clusters, seed).of(latent), names, clusters)


def headed(latents: Latents, learnt: str, run: str, seed: int, folder: Path) -> Agreement:
    """Fit a class head to the labels of one run, and judge it on another."""
    import torch

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
        Share of them, and of the other cells, beyond the threshold that was set before.
    """

    auc: float
    recall: float
    false_alarms: float


def novelty(latents: Latents, learnt: str, validation: str, run: str, seed: int, folder: Path) -> Novelty:
    """Score cells by the house's novelty, chosen and set on the training donor alone."""
    truth, names = truth_of(run, folder)
    strange = truth == names.index("leukaemia")
    mixture = fit_mixture(latents[learnt], 3, seed)
    own = mixture.embed(latents[learnt])
    score = choose_novelty(own, truth_of(learnt, folder)[0], mixture, seed).score
    found = score.score(mixture.embed(latents[run]))
    threshold = np.quantile(score.score(mixture.embed(latents[validation])), 1 - REJECTED)
    over = found > threshold
    return Novelty(float(roc_auc_score(strange, found)), float(over[strange].mean()), float(over[~strange].mean()))


def controls(training: Training, learnt: str, run: str, folder: Path) -> dict[str, Agreement]:
    """Fit what needs no model to the labels of one run, and judge it on another."""
    fitted, judged = seen_by(training, learnt, folder), seen_by(training, run, folder)
    told = control_predictions(fitted, judged, seed=0)
    return {name: agreement(judged.label, predicted, judged.label_names) for name, predicted in told.items()}
