"""Clusters: a Gaussian mixture on the rotated latent (paper A; choices of its silences are explained here)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from inference.errors import TrainingError
from inference.training.quiet import ignoring

Doubles = npt.NDArray[np.float64]

_STARTS = 10
_CELLS_PER_DIMENSION = 10
_REGULARISER = 1e-3
MOST_CONDITION = 1e6
"""Beyond this, responsibilities in single precision are wrong in the third digit."""


@dataclass(frozen=True)
class Mixture:
    """A frozen mixture, in double precision.

    Attributes
    ----------
    centre, spread
        `(d,)`, mean and standard deviation of the training latents.
    rotation
        `(d, d)`, principal axes as columns, the widest first: embedding = ((latent - centre) / spread) @ rotation.
    weight, mean, precision_factor
        `(k,)`, `(k, d)` and `(k, d, d)` of the components in the embedding, the heaviest first; the squared
        Mahalanobis distance is |(embedding - mean) @ precision_factor|^2.
    covariance
        `full`, or `tied` where there are too few cells for a full one.
    condition
        Largest condition number of the components' covariances.
    """

    centre: Doubles
    spread: Doubles
    rotation: Doubles
    weight: Doubles
    mean: Doubles
    precision_factor: Doubles
    covariance: str
    condition: float

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
        """Return the embedding `(n, d)` of latents."""
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


def fit_mixture(latent: npt.ArrayLike, clusters: int, seed: int) -> Mixture:
    """Fit a mixture to latents `(n, d)`.

    Latents are standardised, so that no loud axis decides the k-means start, and rotated to their principal axes.
    Covariances are full where there are ten cells per dimension and component, else one for all; 1e-3 of the mean
    variance is added to their diagonals; the best of ten k-means starts is kept.

    Raises
    ------
    TrainingError
        If there are too few cells, or the latent is degenerate.
    """
    values = np.asarray(latent, dtype=np.float64)
    n, dimensions = values.shape
    if n <= dimensions * 2 or n < 2 * clusters:
        raise TrainingError(f"There are only {n} cells to find {clusters} clusters in; give more.")
    centre, spread, rotation = _principal_axes(values)
    embedding = ((values - centre) / spread) @ rotation
    full = n >= _CELLS_PER_DIMENSION * dimensions * clusters
    gaussian = GaussianMixture(
        n_components=clusters,
        covariance_type="full" if full else "tied",
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
    mixture = Mixture(
        centre=centre,
        spread=spread,
        rotation=rotation,
        weight=gaussian.weights_[order],
        mean=gaussian.means_[order],
        precision_factor=np.ascontiguousarray(factor[order]),
        covariance="full" if full else "tied",
        condition=float(max(np.linalg.cond(part) for part in factor) ** 2),
    )
    if not mixture.condition < MOST_CONDITION:
        raise TrainingError(
            "The latent is degenerate, so clusters would be numerically wrong; choose a smaller latent."
        )
    return mixture


def _principal_axes(values: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    centre, spread = values.mean(axis=0), values.std(axis=0)
    # An axis that the encoder leaves unused would be blown up into noise of unit size.
    spread = np.maximum(spread, 1e-3 * spread.max())
    if not spread.max() > 0:
        raise TrainingError("The autoencoder gives every cell the same latent; train longer or with other images.")
    _, _, axes = np.linalg.svd((values - centre) / spread, full_matrices=False)
    # A fixed sign, so that the same data make the same scatter plot.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return centre, spread, np.ascontiguousarray((axes * signs[:, None]).T)
