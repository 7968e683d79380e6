"""The phase of light behind a cell from its slopes along x and y: Fourier integration (specification B.5)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reconstruction.features.image import BORDER_SHARE
from reconstruction.motion import FloatImage


class _Waves(NamedTuple):
    """Orthonormal waves along one axis of `n` pixels, `(n, n)` float32 each: wave, place."""

    cosine: FloatImage
    sine: FloatImage
    per_um: npt.NDArray[np.float64]
    """`(n,)` angular frequency of each wave, radians per um."""


@lru_cache(maxsize=8)
def _waves(n: int, pixel_um: float) -> _Waves:
    turns = np.pi * np.arange(n) / n
    angles = turns[:, np.newaxis] * (np.arange(n) + 0.5)
    scale = np.where(turns == 0.0, 1.0, np.sqrt(2.0))[:, np.newaxis] / np.sqrt(n)
    cosine, sine = (scale * np.cos(angles)).astype(np.float32), (scale * np.sin(angles)).astype(np.float32)
    return _Waves(cosine, sine, turns / pixel_um)


@lru_cache(maxsize=8)
def _shares(rows: int, cols: int, pixel_um: float) -> tuple[FloatImage, FloatImage]:
    """Return what slopes along x and along y give to each wave of the phase, um; 0 for the constant."""
    down, along = np.meshgrid(_waves(rows, pixel_um).per_um, _waves(cols, pixel_um).per_um, indexing="ij")
    squared = down**2 + along**2
    squared[0, 0] = 1.0
    return (-along / squared).astype(np.float32), (-down / squared).astype(np.float32)


def integrate_slopes(slope_x: FloatImage, slope_y: FloatImage, pixel_um: float) -> FloatImage:
    """Return the phase whose slopes come closest to these, by least squares; 0 in the empty surround.

    It is complex Fourier integration, phi = Re F^-1[F(phi_x + i phi_y) / (2 pi i (kx + i ky))], of slopes continued as
    mirror images beyond the edges, so that no object that is cut by one edge comes in again at the other. What is
    mirrored consists of cosines alone, and those of one axis are a table: four products of matrices take a quarter of
    the time of the transforms. The constant, which slopes do not tell, is chosen so that the median of the image's
    outer `BORDER_SHARE` is 0.

    Parameters
    ----------
    slope_x, slope_y
        `(rows, columns)` float32, radians per um, slope of the phase along columns and along rows.
    pixel_um
        Edge of a pixel.

    Returns
    -------
    ndarray
        `(rows, columns)` float32, radians; not wrapped.

    Notes
    -----
    Sources: specification B.5, after Xie et al., FPT 2015 (QPI_FPGA); least squares by Fourier series: Frankot and
    Chellappa, IEEE TPAMI 10, 439 (1988), equation 21.
    """
    rows, cols = slope_x.shape
    along, down = _waves(cols, pixel_um), _waves(rows, pixel_um)
    share_x, share_y = _shares(rows, cols, pixel_um)
    # A phase of cosines has slopes that are sines along their own axis.
    series = share_x * (down.cosine @ slope_x @ along.sine.T)
    series += share_y * (down.sine @ slope_y @ along.cosine.T)
    phase = down.cosine.T @ series @ along.cosine
    return np.asarray(phase - np.median(phase[_border(rows, cols)]), dtype=np.float32)


@lru_cache(maxsize=8)
def _border(rows: int, cols: int) -> npt.NDArray[np.bool_]:
    """Pixels of the outer `BORDER_SHARE` of an image, `(rows, cols)` bool."""
    high, wide = max(1, round(BORDER_SHARE * rows)), max(1, round(BORDER_SHARE * cols))
    border = np.ones((rows, cols), dtype=np.bool_)
    border[high : rows - high, wide : cols - wide] = False
    return border
