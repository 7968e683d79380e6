"""Ghosts: a second, weaker picture of a cell beside it, from a reflection or a second pulse in the same lines."""

from __future__ import annotations

import numba
import numpy as np

from reconstruction.features.contour import Mask
from reconstruction.motion import FloatImage

LEAST_ALIKE = 0.6
"""Correlation with the cell below which what stands beside it is something else."""
LEAST_SEEN = 0.25
"""Share of the cell's light whose ghost must lie in the field and outside the cell, or nothing can be told of it."""


@numba.njit(cache=True, nogil=True)
def ghost_share(image: FloatImage, inside: Mask, empty: float) -> float:
    """Strength of the strongest ghost of an object, as a share of its own contrast; 0 where there is none.

    For every displacement across the flow, the picture that the object would leave there is compared with what is
    there: its strength is that of least squares, and it counts only where both are alike (`LEAST_ALIKE`). Only pixels
    outside the object are looked at.

    Parameters
    ----------
    image
        `(y, x)`, `empty` where nothing is.
    inside
        `(y, x)`: the object.
    """
    rows, cols = image.shape
    whole = 0.0
    for i in range(rows):
        for j in range(cols):
            if inside[i, j]:
                whole += (image[i, j] - empty) ** 2
    strongest = 0.0
    for shift in range(1 - cols, cols):
        own = other = product = 0.0
        for i in range(rows):
            for j in range(max(0, -shift), min(cols, cols - shift)):
                if inside[i, j] and not inside[i, j + shift]:
                    a, b = image[i, j] - empty, image[i, j + shift] - empty
                    own += a * a
                    other += b * b
                    product += a * b
        seen = own > LEAST_SEEN * whole and other > 0.0
        if seen and product > LEAST_ALIKE * np.sqrt(own * other):
            strongest = max(strongest, product / own)
    return strongest
