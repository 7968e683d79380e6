"""How much nearer cells are to all cells taken together than to any class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_REGULARISER = 1e-3


@dataclass(frozen=True)
class RelativeNovelty:
    """Squared Mahalanobis distance to the nearest class, less that to all cells taken together (Ren et al., 2021).

    Attributes
    ----------
    mean, factor
        `(c, d)` of the classes, and `(d, d)`: distance = |(embedding - mean) @ factor|, the same for all classes.
    common_mean, common_factor
        `(d,)` and `(d, d)` of all cells.
    """

    mean: Doubles
    factor: Doubles
    common_mean: Doubles
    common_factor: Doubles
    method: str = "relative squared Mahalanobis distance to the nearest class"

    def score(self, embedding: Doubles) -> Doubles:
        """Return the novelty `(n,)` of embeddings `(n, d)`."""
        own = (((embedding[:, None] - self.mean) @ self.factor) ** 2).sum(axis=2).min(axis=1)
        return np.asarray(own - (((embedding - self.common_mean) @ self.common_factor) ** 2).sum(axis=1))


def fit_relative(embedding: Doubles, label: npt.NDArray[np.integer]) -> RelativeNovelty:
    """Fit it to embeddings `(n, d)` of known classes `(n,)`, which share one covariance."""
    present, index = np.unique(label, return_inverse=True)
    mean = np.stack([embedding[index == i].mean(axis=0) for i in range(len(present))])
    common = embedding.mean(axis=0)
    return RelativeNovelty(mean, _whitening(embedding - mean[index]), common, _whitening(embedding - common))


def _whitening(centred: Doubles) -> Doubles:
    """Return the Cholesky factor of the precision of centred rows."""
    d = centred.shape[1]
    covariance = centred.T @ centred / len(centred)
    covariance += _REGULARISER * np.trace(covariance) / d * np.eye(d)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)).T)
