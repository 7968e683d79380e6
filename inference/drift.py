"""Whether cells of a run still look as those that the model was calibrated on, axis by axis of the embedding.

Kolmogorov's and Smirnov's two-sample test with Bonferroni's correction, on what the encoder makes of the cells
(Rabanser, Günnemann and Lipton, Failing Loudly, NeurIPS 2019). It tells that something changed, not what: other shares
of the kinds of cells raise it as surely as another lamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOW = 500
"""Cells that are looked at together."""
LEVEL = 0.01
"""Share of windows of unchanged cells that may raise the alarm, over all axes together."""
MOST_AXES = 32
LEAST_CELLS = 50
_QUANTILES = 101
# Below, the series needs many terms, and its value is 1 within 1e-5.
_SERIES_FROM = 0.3


@dataclass(frozen=True)
class Drift:
    """How far a window of cells is from the reference.

    Attributes
    ----------
    axis
        The axis of the embedding that differs most.
    distance
        Largest difference of the two distribution functions on it, 0 to 1.
    p
        Chance of such a distance on any axis if nothing had changed (times the number of axes, at most 1).
    """

    axis: int
    distance: float
    p: float

    @property
    def alarm(self) -> bool:
        """Whether chance is no explanation."""
        return self.p < LEVEL


def reference_quantiles(embedding: npt.NDArray[np.floating]) -> list[list[float]]:
    """Return 101 quantiles, least to largest, of each of the first 32 axes of embeddings `(n, d)`."""
    found = np.quantile(embedding[:, :MOST_AXES].astype(np.float64), np.linspace(0, 1, _QUANTILES), axis=0)
    return [[float(f"{value:.7g}") for value in axis] for axis in found.T]


def drift_of(embedding: npt.NDArray[np.floating], quantiles: Sequence[Sequence[float]], reference_cells: int) -> Drift:
    """Compare cells with the reference.

    Parameters
    ----------
    embedding
        `(n, d)` of the window.
    quantiles
        Of the reference, of each of the first axes, as `reference_quantiles` returns them.
    reference_cells
        How many cells they were taken of.
    """
    distance = np.array([_distance(embedding[:, axis], known) for axis, known in enumerate(quantiles)])
    axis = int(distance.argmax())
    effective = len(embedding) * reference_cells / (len(embedding) + reference_cells)
    p = min(1.0, len(quantiles) * kolmogorov(float(np.sqrt(effective) * distance[axis])))
    return Drift(axis, float(distance[axis]), p)


def kolmogorov(distance: float) -> float:
    """Return how often samples of one distribution are further apart, the distance times the root of their size.

    Kolmogorov's limiting distribution, 2 sum (-1)^(k - 1) exp(-2 k^2 distance^2); acquisition computers have no scipy.
    """
    if distance < _SERIES_FROM:
        return 1.0
    k = np.arange(1, 101)
    return float(np.clip(2 * ((-1.0) ** (k - 1) * np.exp(-2 * (k * distance) ** 2)).sum(), 0, 1))


def _distance(values: npt.NDArray[np.floating], quantiles: Sequence[float]) -> float:
    """Return the largest difference of distribution functions, the reference's being linear between its quantiles."""
    expected = np.interp(np.sort(values), quantiles, np.linspace(0, 1, len(quantiles)))
    n = len(values)
    return float(max((np.arange(1, n + 1) / n - expected).max(), (expected - np.arange(n) / n).max()))
