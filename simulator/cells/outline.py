"""The rough outline of a cell: spherical harmonics on an octahedral map (specification F.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

MAP_PX = 65
"""Nodes along the map's edge: some 3 degrees apart, a fifth of the shortest wave."""
LOW_ORDERS = (2, 8)
"""Order 1 only moves a cell, and order 0 only sizes it."""
RUFFLE_ORDERS = (10, 16)


@dataclass(frozen=True, slots=True)
class Outline:
    """How far the surface of a cell stands out of its ellipsoid.

    Attributes
    ----------
    relief
        `(MAP_PX, MAP_PX)` float32: relative height by direction, on the octahedral map.
    area_gain
        Area of the rough surface over that of the smooth one, to second order in the heights.
    """

    relief: Floats
    area_gain: float


def draw_outline(roughness: float, ruffles: float, rng: np.random.Generator) -> Outline:
    """Draw an outline with these relative standard deviations over the sphere, low orders and short waves."""
    relief, gain = np.zeros(MAP_PX * MAP_PX, dtype=np.float32), 1.0
    for rms, orders in ((roughness, LOW_ORDERS), (ruffles, RUFFLE_ORDERS)):
        if rms == 0.0:
            continue
        basis, degree = _basis(*orders)
        # Low orders carry most of it, as in the outlines of real cells; each order then has a power of 1 / (l (l + 1)).
        expected = 1.0 / (degree * (degree + 1.0) * (2.0 * degree + 1.0))
        weights = rms * np.sqrt(expected / expected.sum()) * rng.standard_normal(degree.size)
        relief += basis @ weights.astype(np.float32)
        gain += float(np.sum(weights**2 * (1.0 + degree * (degree + 1.0) / 2.0)))
    return Outline(relief.reshape(MAP_PX, MAP_PX), gain)


@numba.njit(cache=True, nogil=True, inline="always")
def relief_at(relief: Floats, z: float, y: float, x: float) -> float:
    """Relative height in the direction `(z, y, x)`, of any length, bilinear on the octahedral map."""
    scale = abs(z) + abs(y) + abs(x)
    if scale == 0.0:
        return 0.0
    p, q = x / scale, y / scale
    if z < 0.0:
        # The lower half of the octahedron is folded outwards.
        p, q = math.copysign(1.0 - abs(q), p), math.copysign(1.0 - abs(p), q)
    top = relief.shape[0] - 1
    row, col = 0.5 * (q + 1.0) * top, 0.5 * (p + 1.0) * top
    i, j = min(int(row), top - 1), min(int(col), top - 1)
    s, t = row - i, col - j
    upper = (1.0 - t) * relief[i, j] + t * relief[i, j + 1]
    lower = (1.0 - t) * relief[i + 1, j] + t * relief[i + 1, j + 1]
    return float((1.0 - s) * upper + s * lower)


@numba.njit(cache=True, nogil=True)
def surface_points(axes: Doubles, relief: Floats, directions: Doubles) -> Doubles:
    """Points `(n, 3)` of a rough ellipsoid's surface in the directions `(n, 3)`, in its own frame, um."""
    points = np.empty_like(directions)
    for k in range(directions.shape[0]):
        z, y, x = directions[k, 0], directions[k, 1], directions[k, 2]
        smooth = 1.0 / math.sqrt((z / axes[0]) ** 2 + (y / axes[1]) ** 2 + (x / axes[2]) ** 2)
        radius = smooth * (1.0 + relief_at(relief, z, y, x))
        points[k, 0], points[k, 1], points[k, 2] = radius * z, radius * y, radius * x
    return points


def map_directions() -> Doubles:
    """Return the unit vectors z, y, x of the map's nodes, `(MAP_PX**2, 3)`."""
    edge = np.linspace(-1.0, 1.0, MAP_PX)
    q, p = (part.ravel() for part in np.meshgrid(edge, edge, indexing="ij"))
    z = 1.0 - np.abs(p) - np.abs(q)
    below = z < 0
    x = np.where(below, np.copysign(1.0 - np.abs(q), p), p)
    y = np.where(below, np.copysign(1.0 - np.abs(p), q), q)
    vectors = np.stack([z, y, x], axis=1)
    return np.asarray(vectors / np.sqrt(np.sum(vectors**2, axis=1))[:, None])


@lru_cache(maxsize=4)
def _basis(lowest: int, highest: int) -> tuple[Floats, Doubles]:
    """Real spherical harmonics of mean square 1 at the map's nodes, `(nodes, functions)`, and their degrees."""
    vectors = map_directions()
    legendre = _legendre(highest, vectors[:, 0])
    azimuth = np.arctan2(vectors[:, 1], vectors[:, 2])
    columns, degrees = [], []
    for degree in range(lowest, highest + 1):
        for order in range(-degree, degree + 1):
            wave = np.sin(-order * azimuth) if order < 0 else np.cos(order * azimuth)
            columns.append(legendre[degree, abs(order)] * wave * (1.0 if order == 0 else math.sqrt(2.0)))
            degrees.append(degree)
    return np.stack(columns, axis=1).astype(np.float32), np.array(degrees, dtype=np.float64)


def _legendre(highest: int, cosine: Doubles) -> Doubles:
    """Associated Legendre functions `[degree, order]` of mean square 1 over the sphere, by their stable recurrence.

    The standard fully normalised recurrence in the degree (for example Press et al., Numerical Recipes, 6.7).
    """
    table = np.zeros((highest + 1, highest + 1, cosine.size))
    sine = np.sqrt(np.maximum(1.0 - cosine**2, 0.0))
    table[0, 0] = 1.0
    for m in range(1, highest + 1):
        table[m, m] = math.sqrt((2 * m + 1) / (2 * m)) * sine * table[m - 1, m - 1]
    for m in range(highest):
        table[m + 1, m] = math.sqrt(2 * m + 3) * cosine * table[m, m]
        for degree in range(m + 2, highest + 1):
            a = math.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
            b = math.sqrt(((degree - 1) ** 2 - m**2) / (4 * (degree - 1) ** 2 - 1))
            table[degree, m] = a * (cosine * table[degree - 1, m] - b * table[degree - 2, m])
    return table
