"""What bundles say of cells in words: concepts and factors, and which of them set some cells apart from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy.stats import rankdata

from inference.contract import Contract
from inference.results import CellResults
from inference.training.data import TrainingSet

Floats = npt.NDArray[np.floating]
_SHUFFLES = 200


@dataclass(frozen=True)
class Told:
    """One number of every cell that has a name.

    Attributes
    ----------
    bundle, name
        Which bundle says it, and what it is called: `concept_` or `factor_` and the contract's word.
    values
        `(n,)`.
    held_out
        What it was worth on the test runs: of a concept the area under the curve, of a factor the rank correlation;
        None where nobody could tell.
    truth
        `(n,)` true values, NaN where unknown; None where nobody knows any.
    """

    bundle: str
    name: str
    values: Floats
    held_out: float | None
    truth: Floats | None = None

    @property
    def place(self) -> Floats:
        """`(n,)` share of the cells that have less of it, ties counted half."""
        return np.asarray((rankdata(self.values) - 0.5) / len(self.values))


class SetsApart(BaseModel):
    """How a concept or factor differs between some cells and the rest."""

    model_config = ConfigDict(frozen=True)

    bundle: str
    name: str
    mean: float
    """Of these cells."""
    mean_of_others: float
    area: float
    """Under the curve: the share of pairs, one of these and one of the others, in which this one has more. 0.5 says
    nothing."""
    by_chance: float
    """How far from 0.5 it is at most in 95 of 100 groups of as many cells drawn at random."""


def told_by(contract: Contract, results: CellResults, cells: TrainingSet) -> tuple[Told, ...]:
    """Return every concept and factor that a bundle answers; none where it has none."""
    concepts = () if results.concepts is None else zip(contract.concepts, results.concepts.T, strict=True)
    factors = () if results.factors is None else zip(contract.factors, results.factors.T, strict=True)
    found = [Told(contract.name, f"concept_{spec.name}", values, spec.auroc) for spec, values in concepts]
    for factor, values in factors:
        truth = cells.factors.get(factor.name)
        found.append(Told(contract.name, f"factor_{factor.name}", values, factor.rank_correlation, truth))
    return tuple(found)


def sets_apart(told: Told, these: npt.NDArray[np.bool_], seed: int = 0) -> SetsApart | None:
    """Compare some cells with the rest; None where either is empty.

    Parameters
    ----------
    these
        `(n,)`.
    seed
        Of the groups drawn at random.
    """
    count = int(these.sum())
    if not 0 < count < len(these):
        return None
    rng, ranks = np.random.default_rng(seed), rankdata(told.values)
    drawn = [_area(ranks, rng.permutation(these)) for _ in range(_SHUFFLES)]
    return SetsApart(
        bundle=told.bundle,
        name=told.name,
        mean=float(told.values[these].mean()),
        mean_of_others=float(told.values[~these].mean()),
        area=_area(ranks, these),
        by_chance=float(np.quantile(np.abs(np.array(drawn) - 0.5), 0.95)),
    )


def _area(ranks: Floats, these: npt.NDArray[np.bool_]) -> float:
    count = int(these.sum())
    return float((ranks[these].mean() - (count + 1) / 2) / (len(these) - count))
