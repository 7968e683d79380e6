"""Pairs of cells that differ in one factor and share the others, as Ada-GVAE learns from (paper D)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from inference.errors import TrainingError
from inference.training.data import TrainingSet

_NEAREST = 8
"""A partner is one of so many that are nearest in the factors that are shared."""
LEAST_CELLS = 10 * _NEAREST


def known_factors(cells: TrainingSet) -> npt.NDArray[np.bool_]:
    """Return `(n,)` True where every factor is known."""
    if not cells.factors:
        raise TrainingError("Nothing is known of what the training cells differ by; learn factors from a simulation.")
    return np.asarray(np.isfinite(np.stack(list(cells.factors.values()))).all(axis=0))


class Pairs:
    """Draws pairs of cells; no two cells that flow are alike to the last digit, so that they share factors nearly.

    Where drawn images share all factors but one exactly, only such are partners.

    Parameters
    ----------
    factors
        By name, `(n,)` true values, none of them NaN.

    Raises
    ------
    TrainingError
        If there are too few cells or factors, or a factor is the same in all.
    """

    def __init__(self, factors: Mapping[str, npt.NDArray[np.float64]]) -> None:
        for name, values in factors.items():
            if len(values) < LEAST_CELLS:
                raise TrainingError(
                    f"Pairs need at least {LEAST_CELLS} cells whose factors are known; take more cells."
                )
            if values.min() == values.max():
                raise TrainingError(f"All training cells have the same '{name}'; learn from a sample where it varies.")
        if len(factors) < 2:
            raise TrainingError("To tell factors apart there must be two or more; name another.")
        # Ranks, because what is near must not depend on the unit of a factor, nor on rare large values.
        self._places = np.stack([rankdata(values) / len(values) for values in factors.values()], axis=1)
        count = self._places.shape[1]
        self._shared = ~np.eye(count, dtype=bool)
        self._near = np.stack([self._nearest(changed) for changed in range(count)])

    def values(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Return the ranks of the factors of some cells `(rows, f)`, centred and of unit spread."""
        return np.asarray((self._places[rows] - 0.5) * np.sqrt(12.0), dtype=np.float32)

    def draw(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Return as many rows as there are cells, partners next to each other, and `(rows, f)` what they share."""
        cells = rng.permutation(len(self._places))[: len(self._places) // 2]
        changed = rng.integers(len(self._shared), size=len(cells))
        partners = self._near[changed, cells, rng.integers(_NEAREST, size=len(cells))]
        rows = np.stack([cells, partners], axis=1).reshape(-1)
        return rows.astype(np.intp), np.repeat(self._shared[changed], 2, axis=0)

    def _nearest(self, changed: int) -> npt.NDArray[np.int64]:
        """Return `(n, nearest)` rows of the cells that are nearest to each in all factors but one."""
        places = self._places[:, self._shared[changed]]
        distance, found = cKDTree(places).query(places, k=_NEAREST + 1)
        # The cell itself comes first, or among those that are as near.
        itself = found == np.arange(len(found))[:, None]
        itself[~itself.any(axis=1), -1] = True
        others = found[~itself].reshape(-1, _NEAREST)
        exact = distance[~itself].reshape(others.shape) == 0
        order = np.argsort(~exact, axis=1, kind="stable")
        count = np.where(exact.any(axis=1), exact.sum(axis=1), _NEAREST)
        chosen = np.take_along_axis(order, np.arange(_NEAREST) % count[:, None], axis=1)
        return np.asarray(np.take_along_axis(others, chosen, axis=1), dtype=np.int64)
