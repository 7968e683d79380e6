"""The best linear estimate between samples: kriging, or Wiener's interpolation, with what the optics say of the light.

Light that a point spread function has blurred cannot change faster than that function lets it: two places have the
covariance of the blur with itself, a Gaussian sqrt(2) times as wide. Given noise, the estimate with the least mean
square error is a weighted sum of the samples about a place (source: Rasmussen and Williams, Gaussian Processes for
Machine Learning, 2006, equation 2.25).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def nearest_run(places: Doubles, at: Doubles, count: int) -> npt.NDArray[np.int64]:
    """First of the `count` samples in a row that lie nearest about each point, `(m,)`.

    Parameters
    ----------
    places
        `(n,)`, rising.
    at
        `(m,)`.
    """
    count = min(count, places.size)
    after = np.searchsorted(places, at)
    first = np.clip(after - count // 2, 0, places.size - count)
    return np.asarray(first, dtype=np.int64)


def shares_of(places: Doubles, at: Doubles, blur: float, noise: float) -> Doubles:
    """Share of each sample in the estimate at each point; the shares of a point add up to 1.

    Parameters
    ----------
    places
        `(..., n)`: where the samples of a point lie; any unit.
    at
        `(...)`: the points, broadcast against the samples.
    blur
        Standard deviation of the optics' point spread, in the same unit.
    noise
        Variance of a sample's noise, against that of the light.

    Returns
    -------
    `(..., n)`.
    """
    spread = 2.0 * blur
    between = places[..., :, None] - places[..., None, :]
    covariance = np.exp(-((between / spread) ** 2)) + noise * np.eye(places.shape[-1])
    towards = np.exp(-(((np.asarray(at)[..., None] - places) / spread) ** 2))
    # Far from all samples nothing is known, and the nearest stand for the rest.
    towards = np.maximum(towards, 1e-12)
    shares = np.linalg.solve(covariance, towards[..., None])[..., 0]
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def noise_left(shares: Doubles, noise: float) -> float:
    """Noise of the estimates on average, when that of a sample is `noise`."""
    return float(noise * np.mean((shares**2).sum(axis=-1)))


def widening(step: float, count: int, blur: float, noise: float) -> float:
    """Return by how much estimates from `count` samples, a `step` apart, widen a point: variance, at least 0."""
    at = np.asarray(step * (np.arange(32) + 0.5) / 32.0, dtype=np.float64)
    places = np.asarray(step * (np.arange(count) + 1.0 - (count + 1) // 2), dtype=np.float64)
    shares = shares_of(np.broadcast_to(places, (at.size, count)), at, blur, noise)
    return max(0.0, float(np.mean((shares * (places - at[:, None]) ** 2).sum(axis=1))))
