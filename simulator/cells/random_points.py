"""Random directions, turns and log-normal sizes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

WIDEST = 3.0
"""Standard deviations at which a log-normal number is cut: no cell is drawn that nobody has seen."""


def directions(count: int, rng: np.random.Generator) -> Doubles:
    """Draw unit vectors `(count, 3)`, uniform on the sphere."""
    vectors = rng.standard_normal((count, 3))
    return np.asarray(vectors / np.sqrt(np.sum(vectors**2, axis=1))[:, None])


def random_turn(rng: np.random.Generator) -> Doubles:
    """Draw a rotation `(3, 3)`, uniform over all of them."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return np.asarray(q)


def lognormal(median: float, cv: float, count: int, rng: np.random.Generator) -> Doubles:
    """Draw `(count,)` numbers whose logarithm is normal; `cv` is the standard deviation of a true log-normal."""
    sigma = math.sqrt(math.log1p(cv**2))
    return np.asarray(median * np.exp(sigma * np.clip(rng.standard_normal(count), -WIDEST, WIDEST)))
