"""Where in its cell a stain lies: its part of the outline, its core against the rest, its centre against the rim."""

from __future__ import annotations

import math

import numba
import numpy as np

from reconstruction.features.contour import Doubles, Mask
from reconstruction.features.volume_light import COARSER, Box
from reconstruction.motion import FloatImage

STAIN_FEATURES = ("area_ratio", "core_ratio", "centre_ratio")
"""What `measure_stain` gives, in this order; see docs/features.md."""

CORE_SHARE = 0.5
"""Of the brightest: what is brighter, seen along x, is the core."""
EVEN_BALL = (1.0 - 0.5**1.5) / 0.5**1.5
"""Light of an evenly filled ball in the inner half of its outline's area, over that in the outer half."""


@numba.njit(cache=True, nogil=True)
def _seen_along_x(light: FloatImage) -> Doubles:
    """Sum along x, mean over 3 x 3 pixels."""
    n_z, n_y, n_x = light.shape
    flat, seen = np.zeros((n_z, n_y)), np.zeros((n_z, n_y))
    for i in range(n_z):
        for j in range(n_y):
            for k in range(n_x):
                flat[i, j] += light[i, j, k]
    for i in range(n_z):
        for j in range(n_y):
            part = flat[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
            seen[i, j] = part.sum() / part.size
    return seen


@numba.njit(cache=True, nogil=True)
def _in_outline(inside: Mask, box: Box) -> Mask:
    """Coarse pixels of the box of which at least half lies in the outline."""
    coarse = np.zeros((box.n_z, box.n_y), dtype=np.bool_)
    for i in range(box.n_z):
        for j in range(box.n_y):
            z, y = COARSER * (box.z + i), COARSER * (box.y + j)
            coarse[i, j] = 2 * inside[z : z + COARSER, y : y + COARSER].sum() >= COARSER**2
    return coarse


@numba.njit(cache=True, nogil=True)
def measure_stain(light: FloatImage, box: Box, inside: Mask) -> Doubles:
    """Measure where the light of a fluorescence channel lies in the outline of its cell.

    Parameters
    ----------
    light, box
        `coarse_light` of the channel's volume in the box around the outline.
    inside
        Outline of the cell in transmission, `(z, y)`.

    Returns
    -------
    ndarray
        `STAIN_FEATURES`, as docs/features.md defines them; NaN where there is no outline or no light.
    """
    out = np.full(3, math.nan)
    seen, cell = _seen_along_x(light), _in_outline(inside, box)
    n = row = col = rr = cc = rc = 0.0
    brightest = 0.0
    for i in range(box.n_z):
        for j in range(box.n_y):
            if cell[i, j]:
                n += 1.0
                row, col = row + i, col + j
                rr, cc, rc = rr + i * i, cc + j * j, rc + i * j
                brightest = max(brightest, seen[i, j])
    if n == 0.0 or brightest <= 0.0:
        return out
    row, col = row / n, col / n
    rr, cc, rc = rr / n - row * row, cc / n - col * col, rc / n - row * col
    spread = rr * cc - rc * rc
    n_core = core = rest = n_inner = inner = outer = 0.0
    for i in range(box.n_z):
        for j in range(box.n_y):
            if not cell[i, j]:
                continue
            if seen[i, j] > CORE_SHARE * brightest:
                n_core, core = n_core + 1.0, core + seen[i, j]
            else:
                rest += seen[i, j]
            # The ellipse of the outline's second moments reaches to 4, and half its area to 2.
            z, y = i - row, j - col
            if cc * z * z - 2.0 * rc * z * y + rr * y * y < 2.0 * spread:
                n_inner, inner = n_inner + 1.0, inner + seen[i, j]
            else:
                outer += seen[i, j]
    out[0] = n_core / n
    if n_core < n and rest > 0.0:
        out[1] = core / n_core / (rest / (n - n_core))
    if 0.0 < n_inner < n and outer > 0.0:
        out[2] = inner / n_inner / (outer / (n - n_inner)) / EVEN_BALL
    return out
