"""From the numbers of a latent that belong to factors to the factors in their own units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from inference.training.data import TrainingSet


@dataclass(frozen=True)
class FactorReadout:
    """A straight line for each factor, from its own number of the latent alone: what others say never enters.

    Attributes
    ----------
    names
        Of the factors; the i-th one is read from the i-th number.
    gain, offset
        `(f,)` float64, from standardised numbers to the units of the factors.
    """

    names: tuple[str, ...]
    gain: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, standardised: npt.NDArray[np.float32], factors: Mapping[str, npt.NDArray[np.float64]]) -> Self:
        """Fit by least squares to cells, `(n, d)` and `(n,)` each, leaving out where a factor is not known."""
        lines = []
        for place, values in enumerate(factors.values()):
            known = np.isfinite(values)
            lines.append(np.polyfit(standardised[known, place].astype(np.float64), values[known], 1))
        gain, offset = np.array(lines).T
        return cls(tuple(factors), gain, offset)


class FactorModule(nn.Module):
    """A readout as part of a graph."""

    gain: Tensor
    offset: Tensor

    def __init__(self, readout: FactorReadout) -> None:
        super().__init__()
        self.register_buffer("gain", torch.from_numpy(readout.gain).float())
        self.register_buffer("offset", torch.from_numpy(readout.offset).float())

    def forward(self, standardised: Tensor) -> Tensor:
        """Return `(n, f)` factors of `(n, d)` standardised latents."""
        return standardised[:, : len(self.gain)] * self.gain + self.offset


def rank_correlations(found: npt.NDArray[Any], cells: TrainingSet) -> dict[str, float]:
    """Return Spearman's rank correlation of `(n, f)` answers with the true factors of cells, 0 where there is none."""
    correlations = {}
    for answers, (name, values) in zip(found.T, cells.factors.items(), strict=True):
        known = np.isfinite(values)
        varies = known.sum() > 2 and np.ptp(values[known]) > 0 and np.ptp(answers[known]) > 0
        correlations[name] = float(spearmanr(answers[known], values[known]).statistic) if varies else 0.0
    return correlations
