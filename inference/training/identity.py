"""Which cluster of a new mixture is which of an old one, so that names, colours and gates outlive a refit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from inference.errors import TrainingError
from inference.training.mixture import Mixture

Doubles = npt.NDArray[np.float64]

GATE = 1.0
"""Bhattacharyya distance from which on two clusters are not the same: equal shapes 2.8 standard deviations apart."""


@dataclass(frozen=True)
class Identity:
    """What became of the clusters of an old mixture.

    Attributes
    ----------
    old_of_new
        `(k new,)`, the old cluster that each new one is, -1 for a new one without.
    distance
        `(k new,)`, Bhattacharyya distance to it, NaN for a new one without.
    vanished
        Old clusters that no new one is.
    """

    old_of_new: npt.NDArray[np.int64]
    distance: Doubles
    vanished: tuple[int, ...]

    @property
    def appeared(self) -> tuple[int, ...]:
        """New clusters that no old one is."""
        return tuple(np.flatnonzero(self.old_of_new < 0).tolist())


def match_clusters_of(old: Mixture, new: Mixture, gate: float = GATE) -> Identity:
    """Find the old cluster that each new one is, one to one, so that the distances add up to the least.

    Both mixtures must be of the same encoder; each may have its own standardisation and rotation, because clusters are
    compared as Gaussians in the latent. Pairs as far apart as the gate or further are no pairs, and do not compete.

    Raises
    ------
    TrainingError
        If the mixtures are not of the same latent.
    """
    if len(old.centre) != len(new.centre):
        raise TrainingError(
            f"The old clusters lie in a latent of {len(old.centre)} numbers and the new ones in one of "
            f"{len(new.centre)}; fit both on the same encoder."
        )
    distance = bhattacharyya(*_in_latent(new), *_in_latent(old))
    # However far apart two are, being no pair costs the same, so that it never forces others into a worse one.
    rows, columns = linear_sum_assignment(np.minimum(distance, gate))
    kept = distance[rows, columns] < gate
    rows, columns = rows[kept], columns[kept]
    old_of_new, apart = np.full(new.clusters, -1), np.full(new.clusters, np.nan)
    old_of_new[rows], apart[rows] = columns, distance[rows, columns]
    return Identity(old_of_new, apart, tuple(sorted(set(range(old.clusters)) - set(columns.tolist()))))


def bhattacharyya(first_mean: Doubles, first_cov: Doubles, second_mean: Doubles, second_cov: Doubles) -> Doubles:
    """Return the distances `(k, m)` of Gaussians with means `(k, d)` from others with means `(m, d)`.

    (m1 - m2)' S^-1 (m1 - m2) / 8 + log(det S / sqrt(det S1 det S2)) / 2, S being the mean of both covariances
    (Bhattacharyya, Bull. Calcutta Math. Soc. 35, 1943).
    """
    between = (first_cov[:, None] + second_cov[None]) / 2
    apart = first_mean[:, None] - second_mean[None]
    squared = np.einsum("kmd,kmd->km", apart, np.linalg.solve(between, apart[..., None])[..., 0])
    log_det = np.linalg.slogdet(between)[1]
    own = (np.linalg.slogdet(first_cov)[1][:, None] + np.linalg.slogdet(second_cov)[1][None]) / 2
    return np.asarray(squared / 8 + (log_det - own) / 2)


def _in_latent(mixture: Mixture) -> tuple[Doubles, Doubles]:
    """Return means `(k, d)` and covariances `(k, d, d)` before standardising and rotating."""
    back = mixture.rotation.T * mixture.spread
    root = np.linalg.inv(mixture.precision_factor)
    covariance = np.swapaxes(root, 1, 2) @ root
    return mixture.mean @ back + mixture.centre, back.T @ covariance @ back
