"""Texture of cytoplasm and chromatin: Gaussian random fields of the refractive index (specification F.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

TILE_PX = 1024
TILE_CORRELATION_PX = 8.0
"""Correlation length of the tile, in its own pixels."""


@dataclass(frozen=True, slots=True)
class Texture:
    """Random structure of the refractive index in one part of a cell; its correlation is exp(-r^2 / l^2).

    Attributes
    ----------
    rms
        Standard deviation of the index.
    correlation_um
        l, where the correlation falls to 1 / e.
    seed
        Where its random numbers come from.
    """

    rms: float
    correlation_um: float
    seed: int

    @property
    def path_rms_um(self) -> float:
        """Standard deviation of the optical path through 1 um of it, um; it grows with the root of the thickness.

        A field of correlation C has the variance t * integral(C) along a path of length t >> l, which is
        t rms^2 l sqrt(pi) here.
        """
        return float(self.rms * np.sqrt(self.correlation_um * np.sqrt(np.pi)))

    def place(self, along: int) -> tuple[float, float, float]:
        """Row and column of the tile at the cell's centre, and tile pixels per um, for a view along an axis."""
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((self.seed, along))))
        row, col = rng.random(2) * TILE_PX
        return float(row), float(col), TILE_CORRELATION_PX / self.correlation_um

    def volume(self, n: int, pixel_um: float) -> Floats:
        """Return the field itself on a cube, `(n, n, n)`, z, y, x (image level L1)."""
        rng = np.random.Generator(np.random.PCG64(self.seed))
        noise = rng.standard_normal((n, n, n), dtype=np.float32)
        return self.rms * _smooth(noise, self.correlation_um / pixel_um)


@lru_cache(maxsize=1)
def texture_tile() -> Floats:
    """Return the periodic field of unit variance, `(TILE_PX, TILE_PX)`, that every projected texture is cut from.

    A cut has its own place for each cell, part and view; the projection of an isotropic Gaussian correlation has the
    same correlation across, so one tile serves all of them at its own scale.
    """
    rng = np.random.Generator(np.random.PCG64(20))
    return _smooth(rng.standard_normal((TILE_PX, TILE_PX), dtype=np.float32), TILE_CORRELATION_PX)


def _smooth(noise: Floats, correlation_px: float) -> Floats:
    """Give white noise the correlation exp(-r^2 / l^2) and unit variance."""
    spectrum = np.fft.rfftn(noise)
    for axis, length in enumerate(noise.shape):
        last = axis == noise.ndim - 1
        frequency = np.fft.rfftfreq(length) if last else np.fft.fftfreq(length)
        # The square root of the correlation's spectrum, which is a Gaussian too, shapes the amplitude.
        gain = np.exp(-((np.pi * correlation_px * frequency) ** 2) / 2).astype(np.float32)
        spectrum *= gain.reshape([-1 if a == axis else 1 for a in range(noise.ndim)])
    field = np.fft.irfftn(spectrum, s=noise.shape, axes=range(noise.ndim))
    return np.asarray(field / field.std(), dtype=np.float32)
