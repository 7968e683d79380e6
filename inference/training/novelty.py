"""How unlike the training cells a cell is: five scores, and which of them finds cells of a class that it never met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from sklearn.metrics import roc_auc_score

from inference.training.doubt import fit_doubt
from inference.training.mixture import Mixture, fit_mixture
from inference.training.relative import fit_relative

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]

NEIGHBOURS = 5
MOST_PROTOTYPES = 5000
_CELLS_FOR_SPREAD = 1000
_LEAST_CELLS = 20
_LEAST_SPREAD = 1e-9


class NoveltyScore(Protocol):
    """A score of embeddings, larger for what is less like the training cells."""

    @property
    def method(self) -> str:
        """What it is, for the contract."""

    def score(self, embedding: Doubles) -> Doubles:
        """Return the novelty `(n,)` of embeddings `(n, d)`."""


@dataclass(frozen=True)
class MixtureNovelty:
    """Mahalanobis distance to the nearest component of the mixture."""

    mixture: Mixture
    method: str = "Mahalanobis distance to the nearest component of the mixture"

    def score(self, embedding: Doubles) -> Doubles:
        """Return the novelty `(n,)` of embeddings `(n, d)`."""
        return self.mixture.novelty(embedding)


@dataclass(frozen=True)
class NeighbourNovelty:
    """Distance to the fifth nearest of at most 5000 training cells (Sun et al., ICML 2022).

    Attributes
    ----------
    bank
        `(m, d)` embeddings of training cells.
    """

    bank: Doubles

    @property
    def method(self) -> str:
        """What it is, for the contract."""
        return f"distance to the {NEIGHBOURS}th nearest of {len(self.bank)} training cells"

    def score(self, embedding: Doubles) -> Doubles:
        """Return the novelty `(n,)` of embeddings `(n, d)`."""
        return np.asarray(cKDTree(self.bank).query(embedding, k=[NEIGHBOURS])[0][:, 0])


@dataclass(frozen=True)
class SummedNovelty:
    """Two scores added up, each over its own spread: a cell is novel by either.

    Neighbours miss cells that lie where classes meet, and scores of classes miss cells far behind a class.

    Attributes
    ----------
    first, second
        The two scores.
    first_spread, second_spread
        Of each among the training cells, a cell itself not being its neighbour.
    """

    first: NoveltyScore
    second: NoveltyScore
    first_spread: float
    second_spread: float

    @property
    def method(self) -> str:
        """What it is, for the contract."""
        return f"{self.first.method}, and {self.second.method}, each over its spread"

    def score(self, embedding: Doubles) -> Doubles:
        """Return the novelty `(n,)` of embeddings `(n, d)`."""
        return self.first.score(embedding) / self.first_spread + self.second.score(embedding) / self.second_spread


@dataclass(frozen=True)
class NoveltyChoice:
    """The score that a bundle answers with, and why.

    Attributes
    ----------
    score
        The one that was chosen.
    auroc
        Of each score, the mean over the classes of its area under the curve (1: every cell of the class that was left
        out is more novel than every other cell; .5: chance); empty where there are no labels to tell.
    """

    score: NoveltyScore
    auroc: Mapping[str, float]


def choose_novelty(embedding: Doubles, label: Integers, mixture: Mixture, seed: int) -> NoveltyChoice:
    """Take the first score that finds labelled classes, each left out of the fit, about as well as the best one does.

    About as well is within one standard error of the difference over the classes (Breiman et al., 1984, section 3.4.3):
    what few classes tell of scores is little, and the first ones assume least of cells that nobody has met. The encoder
    has seen the class that is left out, so the figures are optimistic; they compare scores, no more.

    Parameters
    ----------
    embedding, label
        `(n, d)` and `(n,)` of the training cells; a negative label is none.
    mixture
        Fitted to the same cells; its distance is taken where labels are too few to choose by.
    """
    known = label >= 0
    areas = leave_one_class_out(embedding[known], label[known], mixture.clusters, seed)
    if not areas:
        return NoveltyChoice(MixtureNovelty(mixture), {})
    chosen = fit_scores(embedding, label, mixture, seed)[simplest_of_the_best(areas)]
    return NoveltyChoice(chosen, {name: float(each.mean()) for name, each in areas.items()})


def simplest_of_the_best(areas: Mapping[str, Doubles]) -> str:
    """Return the first score whose mean area lies within one standard error of the best one's, over `(c,)` classes."""
    best = max(areas.values(), key=lambda each: float(each.mean()))
    behind = {name: best - each for name, each in areas.items()}
    return next(name for name, each in behind.items() if each.mean() <= each.std(ddof=1) / np.sqrt(len(each)))


def leave_one_class_out(embedding: Doubles, label: Integers, clusters: int, seed: int) -> dict[str, Doubles]:
    """Return each score's area under the curve `(c,)` for every class; nothing where fewer than two have cells enough.

    Of the other classes, one half of the cells is learnt from and the other half is to be less novel than all cells of
    the class that is left out.
    """
    found: list[dict[str, float]] = []
    counts = np.bincount(label, minlength=1)
    for left_out in np.flatnonzero(counts >= _LEAST_CELLS):
        others = np.random.default_rng(seed).permutation(np.flatnonzero(label != left_out))
        learnt, judged = np.array_split(others, 2)
        if len(learnt) <= max(2 * embedding.shape[1], clusters * _LEAST_CELLS, _LEAST_CELLS):
            continue
        mixture = fit_mixture(embedding[learnt], clusters, seed)
        seen = np.concatenate([judged, np.flatnonzero(label == left_out)])
        own = mixture.embed(embedding)
        scores = fit_scores(own[learnt], label[learnt], mixture, seed)
        truth = label[seen] == left_out
        found.append({name: float(roc_auc_score(truth, each.score(own[seen]))) for name, each in scores.items()})
    if len(found) < 2:
        return {}
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def fit_scores(embedding: Doubles, label: Integers, mixture: Mixture, seed: int) -> dict[str, NoveltyScore]:
    """Fit every score; the first ones are preferred where all do equally well."""
    known, neighbours = label >= 0, NeighbourNovelty(_bank(embedding, seed))
    apart, cells = _spread(_own_distances(neighbours)), embedding[known]
    doubt, relative = fit_doubt(cells, label[known]), fit_relative(cells, label[known])
    return {
        "mixture": MixtureNovelty(mixture),
        "neighbours": neighbours,
        "relative": relative,
        "doubtful": SummedNovelty(neighbours, doubt, apart, _spread(doubt.score(cells))),
        "apart": SummedNovelty(neighbours, relative, apart, _spread(relative.score(cells))),
    }


def _bank(embedding: Doubles, seed: int) -> Doubles:
    if len(embedding) <= MOST_PROTOTYPES:
        return embedding
    return embedding[np.sort(np.random.default_rng(seed).choice(len(embedding), MOST_PROTOTYPES, replace=False))]


def _own_distances(neighbours: NeighbourNovelty) -> Doubles:
    """Return how far some cells of the bank are from their neighbours `(n,)`."""
    some = neighbours.bank[:: -(-len(neighbours.bank) // _CELLS_FOR_SPREAD)]
    # The first neighbour of a training cell is that cell.
    return np.asarray(cKDTree(neighbours.bank).query(some, k=[NEIGHBOURS + 1])[0])


def _spread(values: Doubles) -> float:
    """Return the standard deviation; 1 where there is none, as of the doubt between fewer than two classes."""
    spread = float(values.std())
    return spread if spread > _LEAST_SPREAD else 1.0
