"""Clusters: a Gaussian mixture on the rotated latent (paper A; choices of its silences are explained here)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from inference.errors import PrecisionWarning, TrainingError
from inference.training.quiet import ignoring

Doubles = npt.NDArray[np.float64]

GOOD_CONDITION = 1e4
"""Up to this, responsibilities in single precision are right within 1e-4."""
MOST_CONDITION = 1e6
"""Beyond this, they are wrong in the third digit."""

_STARTS = 10
_LEAST_CELLS_PER_CLUSTER = 10
_CELLS_PER_DIMENSION = 10
_REGULARISER = 1e-3


class Covariance(StrEnum):
    """What shape the clusters of a mixture may have."""

    AUTO = "auto"
    """Full where there are ten cells per dimension and component, else tied."""
    FULL = "full"
    """Each its own."""
    TIED = "tied"
    """One for all."""


@dataclass(frozen=True)
class Mixture:
    """A frozen mixture, in double precision.

    Attributes
    ----------
    centre, spread
        `(d,)`, mean and standard deviation of the training latents, or one standard deviation for all axes.
    rotation
        `(d, e)`, principal axes as columns, the widest first: embedding = ((latent - centre) / spread) @ rotation.
    weight, mean, precision_factor
        `(k,)`, `(k, e)` and `(k, e, e)` of the components in the embedding, the heaviest first; the squared
        Mahalanobis distance is |(embedding - mean) @ precision_factor|^2.
    covariance
        Full or tied.
    condition
        Largest condition number of the components' covariances.
    bic
        Bayesian information criterion by number of clusters, of every number that was tried; the least is best.
    """

    centre: Doubles
    spread: Doubles
    rotation: Doubles
    weight: Doubles
    mean: Doubles
    precision_factor: Doubles
    covariance: Covariance
    condition: float
    bic: Mapping[int, float]

    @property
    def clusters(self) -> int:
        """Number of components."""
        return len(self.weight)

    @property
    def log_normaliser(self) -> Doubles:
        """`(k,)`, log of each component's weight and of its density at its mean."""
        log_det = np.log(np.diagonal(self.precision_factor, axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(np.log(self.weight) + log_det - 0.5 * self.mean.shape[1] * math.log(2 * math.pi))

    def embed(self, latent: npt.ArrayLike) -> Doubles:
        """Return the embedding `(n, e)` of latents `(n, d)`."""
        return np.asarray(((np.asarray(latent, dtype=np.float64) - self.centre) / self.spread) @ self.rotation)

    def squared_distance(self, embedding: Doubles) -> Doubles:
        """Return the squared Mahalanobis distance `(n, k)` to every component."""
        # Centred first: the expanded quadratic form loses all digits.
        whitened = np.einsum("nkd,kde->nke", embedding[:, None] - self.mean, self.precision_factor)
        return np.asarray((whitened**2).sum(axis=2))

    def cluster(self, embedding: Doubles) -> npt.NDArray[np.int64]:
        """Return the most likely component `(n,)`."""
        return np.asarray((self.log_normaliser - 0.5 * self.squared_distance(embedding)).argmax(axis=1))

    def novelty(self, embedding: Doubles) -> Doubles:
        """Return the Mahalanobis distance `(n,)` to the nearest component."""
        return np.asarray(np.sqrt(self.squared_distance(embedding).min(axis=1)))


def fit_mixture(
    latent: npt.ArrayLike,
    clusters: int,
    seed: int,
    covariance: Covariance = Covariance.AUTO,
    axes: int | None = None,
) -> Mixture:
    """Fit a mixture to latents `(n, d)`.

    Latents are standardised, so that no loud axis decides the k-means start, and rotated to their principal axes. With
    `axes`, they stay as loud against each other as they are, and only so many of their principal axes are kept, which
    suits encoders that were trained so that distances mean something. 1e-3 of the mean variance is added to the
    diagonals of the covariances; the best of ten k-means starts is kept.

    Raises
    ------
    TrainingError
        If there are too few cells, or the latent is degenerate.
    """
    values = np.asarray(latent, dtype=np.float64)
    n = len(values)
    dimensions = min(axes or values.shape[1], values.shape[1])
    if n <= dimensions * 2 or n < 2 * clusters:
        raise TrainingError(f"There are only {n} cells to find {clusters} clusters in; give more.")
    centre, spread, rotation = _principal_axes(values, one_spread=axes is not None)
    rotation = np.ascontiguousarray(rotation[:, :dimensions])
    embedding = ((values - centre) / spread) @ rotation
    if covariance is Covariance.AUTO:
        enough = n >= _CELLS_PER_DIMENSION * dimensions * clusters
        covariance = Covariance.FULL if enough else Covariance.TIED
    gaussian = GaussianMixture(
        n_components=clusters,
        covariance_type=covariance.value,
        init_params="kmeans",
        n_init=_STARTS,
        max_iter=300,
        reg_covar=_REGULARISER * float(embedding.var(axis=0).mean()),
        random_state=seed,
    )
    with ignoring(ConvergenceWarning):
        gaussian.fit(embedding)
    order = np.argsort(-gaussian.weights_, kind="stable")
    factor = np.broadcast_to(gaussian.precisions_cholesky_, (clusters, dimensions, dimensions))
    return Mixture(
        centre=centre,
        spread=spread,
        rotation=rotation,
        weight=gaussian.weights_[order],
        mean=gaussian.means_[order],
        precision_factor=np.ascontiguousarray(factor[order]),
        covariance=covariance,
        condition=float(max(np.linalg.cond(part) for part in factor) ** 2),
        bic={clusters: float(gaussian.bic(embedding))},
    )


def fit_best_mixture(
    latent: npt.ArrayLike,
    most_clusters: int,
    seed: int,
    covariance: Covariance = Covariance.AUTO,
    axes: int | None = None,
) -> Mixture:
    """Fit mixtures of 1 to `most_clusters` components to latents `(n, d)`, and keep the one of the least BIC.

    Numbers for which there are too few cells are left out. See `fit_mixture` for how each is fitted, and Schwarz,
    Annals of Statistics 6 (1978), for the criterion.

    Raises
    ------
    TrainingError
        As `fit_mixture` does.
    """
    most = max(1, min(most_clusters, len(np.asarray(latent)) // _LEAST_CELLS_PER_CLUSTER))
    fitted = [fit_mixture(latent, clusters, seed, covariance, axes) for clusters in range(1, most + 1)]
    tried = {clusters: value for mixture in fitted for clusters, value in mixture.bic.items()}
    return replace(min(fitted, key=lambda mixture: mixture.bic[mixture.clusters]), bic=tried)


def check_condition(mixture: Mixture) -> None:
    """Tell whether a graph in single precision can answer as the mixture does.

    Raises
    ------
    TrainingError
        If the condition number is above 1e6.

    Warns
    -----
    PrecisionWarning
        If it is above 1e4.
    """
    if not mixture.condition <= MOST_CONDITION:
        raise TrainingError(
            f"The clusters' covariances have the condition number {mixture.condition:.1e}, so responsibilities in "
            "single precision would be wrong; choose a smaller latent or tied covariances."
        )
    if mixture.condition > GOOD_CONDITION:
        warnings.warn(
            f"The clusters' covariances have the condition number {mixture.condition:.1e}: responsibilities in single "
            "precision may be wrong in the fourth digit.",
            PrecisionWarning,
            stacklevel=2,
        )


def _principal_axes(values: Doubles, *, one_spread: bool) -> tuple[Doubles, Doubles, Doubles]:
    centre, spread = values.mean(axis=0), values.std(axis=0)
    if one_spread:
        spread = np.full_like(spread, np.sqrt((spread**2).mean()))
    # An axis that the encoder leaves unused would be blown up into noise of unit size.
    spread = np.maximum(spread, 1e-3 * spread.max())
    if not spread.max() > 0:
        raise TrainingError("The autoencoder gives every cell the same latent; train longer or with other images.")
    _, _, axes = np.linalg.svd((values - centre) / spread, full_matrices=False)
    # A fixed sign, so that the same data make the same scatter plot.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return centre, spread, np.ascontiguousarray((axes * signs[:, None]).T)
