"""How well the numbers of a code keep known factors apart: MIG, DCI and OMES.

Sources: mutual information gap, Chen et al., NeurIPS 2018; DCI, Eastwood and Williams, ICLR 2018, importances by
gradient boosting as in disentanglement_lib; OMES, Dapueto et al., NeurIPS 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.ensemble import GradientBoostingClassifier

Floats = npt.NDArray[np.floating[Any]]
LEVELS = 5
"""As many equally frequent levels are made of a factor that varies continuously."""
_BINS = 20
_NOTHING = 1e-12


def levels(values: Floats, count: int = LEVELS) -> npt.NDArray[np.int64]:
    """Return equally frequent levels `(n,)`, 0 to `count` - 1, of values `(n,)`."""
    return np.asarray((rankdata(values) - 0.5) / len(values) * count, dtype=np.int64)


def mutual_information_gap(code: Floats, factors: npt.NDArray[np.integer[Any]]) -> Floats:
    """Return the gap of every factor, `(f,)`: 1 where one number of the code tells it and no other tells any of it.

    The information that the best number of the code has about the factor, less that of the second best, as a share of
    the factor's entropy; the code is cut into 20 bins of one width.

    Parameters
    ----------
    code
        `(n, d)`, d at least 2.
    factors
        `(n, f)` levels.
    """
    binned = np.stack([_binned(axis) for axis in code.T], axis=1)
    gaps = []
    for factor in factors.T:
        told = np.sort([_information(axis, factor) for axis in binned.T])
        gaps.append((told[-1] - told[-2]) / max(_information(factor, factor), _NOTHING))
    return np.array(gaps)


@dataclass(frozen=True)
class Dci:
    """What boosted trees say of a code.

    Attributes
    ----------
    disentanglement
        Whether each number of the code serves one factor.
    completeness
        Whether each factor is told by one number.
    informativeness
        Mean share of held-out cells whose level is told.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def dci(code: Floats, factors: npt.NDArray[np.integer[Any]], *, trees: int = 100, seed: int = 0) -> Dci:
    """Fit trees to every factor on the first half of the cells; see `mutual_information_gap` for the parameters."""
    half = len(code) // 2
    importance, told = np.zeros((code.shape[1], factors.shape[1])), []
    for place, factor in enumerate(factors.T):
        fitted = GradientBoostingClassifier(n_estimators=trees, random_state=seed).fit(code[:half], factor[:half])
        importance[:, place] = fitted.feature_importances_
        told.append(float((fitted.predict(code[half:]) == factor[half:]).mean()))
    by_number = _sureness(importance)
    return Dci(
        disentanglement=float(by_number @ importance.sum(axis=1) / max(importance.sum(), _NOTHING)),
        completeness=float(_sureness(importance.T) @ importance.sum(axis=0) / max(importance.sum(), _NOTHING)),
        informativeness=float(np.mean(told)),
    )


def association(pairs: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Return `(d, f)` by how much each number of the code moves with each factor: 1 - |correlation| within its pairs.

    Parameters
    ----------
    pairs
        For every factor the codes `(n, d)` of cells, and those of their partners, which differ from them in this
        factor alone. A number that never moves belongs to no factor.
    """
    return np.stack([1.0 - np.abs(_correlations(*codes)) for codes in pairs], axis=1)


def omes(moved: Floats, *, share: float = 0.5, largest: bool = False) -> float:
    """Return the score of an association `(d, f)`: 1 where every number belongs to one factor, and to each one number.

    Overlap (does a number serve several factors?) and multiple encoding (is a factor in several numbers?) of number
    and factor, the mean weighted by their association. Where numbers are noise, all associations are 1, and the score
    is the mean of 1/f and 1/d: numbers that say nothing have to be left out first.

    Parameters
    ----------
    share
        Of overlap in the score.
    largest
        Take the best number of every factor, times its association, instead of the weighted mean.
    """
    numbers, factors = moved.shape
    # Had this number to belong to this factor alone: every other entry of its row, or column, is too much.
    excess = 1.0 - 2.0 * moved
    overlap = 1.0 - (moved.sum(axis=1, keepdims=True) + excess) / factors
    multiple = 1.0 - (moved.sum(axis=0, keepdims=True) + excess) / numbers
    score = share * overlap + (1.0 - share) * multiple
    if largest:
        return float((score * moved).max(axis=0).mean())
    return float((score * moved).sum() / max(moved.sum(), _NOTHING))


def _binned(axis: Floats) -> npt.NDArray[np.int64]:
    edges = np.histogram_bin_edges(axis, _BINS)
    return np.digitize(axis, edges[1:-1])


def _information(one: npt.NDArray[np.integer[Any]], other: npt.NDArray[np.integer[Any]]) -> float:
    """Return the mutual information of two columns of small whole numbers, nats."""
    joint = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(joint, (one, other), 1.0 / len(one))
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    both = joint > 0
    return float((joint[both] * np.log(joint[both] / apart[both])).sum())


def _sureness(importance: Floats) -> Floats:
    """Return 1 less the relative entropy of every row: 1 where all of it is in one column, 0 where it is even."""
    share = importance / np.maximum(importance.sum(axis=1, keepdims=True), _NOTHING)
    entropy = -(share * np.log(np.maximum(share, _NOTHING))).sum(axis=1)
    return np.asarray(1.0 - entropy / np.log(importance.shape[1]))


def _correlations(first: Floats, second: Floats) -> Floats:
    """Return the correlation of each column with that of its partners, 1 where one of them is constant."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    size = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return np.where(size > _NOTHING, (first * second).sum(axis=0) / np.maximum(size, _NOTHING), 1.0)
