"""Whether a bundle's factors say what they are called: against the truth of cells, and along cells that were seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy.stats import rankdata, spearmanr

from inference.contract import Contract
from inference.evaluation.disentanglement import dci, levels, mutual_information_gap
from inference.results import CellResults
from inference.training.data import TrainingSet
from inference.training.factor_scores import plain_correlations

Floats = npt.NDArray[np.floating]
STEPS = 9
"""Cells along each factor."""
_FEWEST = 50
"""Cells of known factors below which nothing is scored."""
_ENDS = (0.03, 0.97)
"""Ranks of the first and the last cell along a factor: the very ends are mostly what went wrong."""


class FactorAssessment(BaseModel):
    """How well one factor is told; the scores of Locatello et al. and Chen et al. are of answers, not of latents."""

    model_config = ConfigDict(frozen=True)

    name: str
    correlations: dict[str, float]
    """Spearman's rank correlation of its answer with the truth of every factor: the others should be near 0."""
    plain_measure: float
    """The best of the image's mean, spread and area for it, in size."""
    mutual_information_gap: float
    """How much better its best answer tells it than any other answer does, as a share of its entropy."""


class FactorsAssessment(BaseModel):
    """All factors, and how well their answers are kept apart (Eastwood and Williams, ICLR 2018)."""

    model_config = ConfigDict(frozen=True)

    cells: int
    """Whose factors are all known."""
    factors: tuple[FactorAssessment, ...]
    disentanglement: float
    completeness: float
    informativeness: float


def assess_factors(contract: Contract, cells: TrainingSet, results: CellResults, seed: int) -> FactorsAssessment | None:
    """Set a bundle's factors beside the truth; None where it has none, or too few cells know theirs."""
    names = tuple(spec.name for spec in contract.factors)
    if results.factors is None or any(name not in cells.factors for name in names):
        return None
    truth = np.stack([cells.factors[name] for name in names], axis=1)
    known = np.asarray(np.isfinite(truth).all(axis=1) & np.isfinite(results.factors).all(axis=1), dtype=np.bool_)
    if known.sum() < _FEWEST or len(names) < 2 or not np.ptp(truth[known], axis=0).all():
        return None
    truth, answers = truth[known], results.factors[known]
    across = np.nan_to_num(spearmanr(answers, truth).statistic[: len(names), len(names) :])
    plain = plain_correlations(cells.where(known))
    each = np.stack([levels(column) for column in truth.T], axis=1)
    gaps, apart = mutual_information_gap(answers, each), dci(answers, each, seed=seed)
    return FactorsAssessment(
        cells=int(known.sum()),
        factors=tuple(
            FactorAssessment(
                name=name,
                correlations=dict(zip(names, across[place].tolist(), strict=True)),
                plain_measure=plain[name],
                mutual_information_gap=float(gaps[place]),
            )
            for place, name in enumerate(names)
        ),
        disentanglement=apart.disentanglement,
        completeness=apart.completeness,
        informativeness=apart.informativeness,
    )


def cells_along(answers: Floats, factor: int, steps: int = STEPS) -> list[int]:
    """Return rows of cells from little to much of a factor that differ in the others as little as can be had.

    Parameters
    ----------
    answers
        `(n, f)`.
    factor
        Along which; the others are held at their medians.
    steps
        How many cells.
    """
    ranks = (rankdata(answers, axis=0) - 0.5) / len(answers)
    chosen: list[int] = []
    for place in np.linspace(*_ENDS, steps):
        wanted = np.full(answers.shape[1], 0.5)
        wanted[factor] = place
        # A step along the factor weighs as much as all that the others may be off.
        weight = np.where(np.arange(answers.shape[1]) == factor, float(steps), 1.0)
        distance = (np.abs(ranks - wanted) * weight).sum(axis=1)
        distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
    return chosen
