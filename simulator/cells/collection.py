"""What the side objective collects: the directions of its aperture, with their shares of the solid angle."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

SIDE_APERTURE = 0.28
"""Numerical aperture of the side objective that cross-sections are stated for (specification A.1)."""
SIDE_WAVELENGTH_NM = 488.0
"""Vacuum wavelength that they are stated for."""


class Cone(NamedTuple):
    """Directions within an objective's aperture.

    Attributes
    ----------
    z, y, x
        `(d,)` unit vectors; z is the objective's axis, x the direction of the light, y that of its polarisation.
    solid_angle_sr
        `(d,)`: their shares of the solid angle.
    """

    z: Doubles
    y: Doubles
    x: Doubles
    solid_angle_sr: Doubles


def collected_cone(aperture: float, index: float, polar: int = 16, azimuthal: int = 32) -> Cone:
    """Return the directions of an objective's aperture around +z, in a medium of this refractive index.

    Gauss-Legendre nodes in the cosine of the polar angle and equal steps in azimuth: exact for what varies slowly
    over the aperture.
    """
    edge = math.sqrt(1.0 - (aperture / index) ** 2)
    nodes, weights = np.polynomial.legendre.leggauss(polar)
    cosine = 0.5 * (1.0 + edge) + 0.5 * (1.0 - edge) * nodes
    turn = 2 * np.pi * (np.arange(azimuthal) + 0.5) / azimuthal
    sine = np.sqrt(1.0 - cosine**2)[:, None]
    share = 0.5 * (1.0 - edge) * weights * 2 * np.pi / azimuthal
    return Cone(
        z=np.repeat(cosine, azimuthal),
        y=(sine * np.sin(turn)).ravel(),
        x=(sine * np.cos(turn)).ravel(),
        solid_angle_sr=np.repeat(share, azimuthal),
    )
