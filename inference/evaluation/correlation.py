"""Correlation of maps, one cell at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Doubles = npt.NDArray[np.float64]


def row_correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> Doubles:
    """Return Pearson's correlation `(n,)` of each row of two `(n, ...)` arrays; not a number where a row is even."""
    one, other = (_centred(np.asarray(part, dtype=np.float64)) for part in (first, second))
    norm = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    product = (one * other).sum(axis=1)
    return np.asarray(np.divide(product, norm, out=np.full(len(one), np.nan), where=norm > 0), dtype=np.float64)


def rank_correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> Doubles:
    """Return Spearman's rank correlation `(n,)` of each row of two `(n, ...)` arrays, ties at their mean rank."""
    ranks = [rankdata(part.reshape(len(part), -1), axis=1) for part in (np.asarray(first), np.asarray(second))]
    return row_correlation(*ranks)


def mean_of(values: npt.ArrayLike) -> float | None:
    """Return the mean of the values that are numbers, or None where none is."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else None


def _centred(values: Doubles) -> Doubles:
    flat = values.reshape(len(values), -1)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True))
