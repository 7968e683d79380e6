"""The nucleus: round, oval, dented or in lobes, with nucleoli (specification F.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.cells.population import Nucleus, NucleusShape
from simulator.cells.random_points import directions

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

LARGEST_RATIO = 0.92
"""A nucleus leaves at least this much of a rim of cytoplasm."""
OVAL_ASPECT = 1.35
NUCLEOLUS_INDEX = 1.387
"""As in the open reference phantom of F.1."""
DENTS = {NucleusShape.KIDNEY: (0.62, 0.95), NucleusShape.INDENTED: (0.5, 1.15)}
"""Radius of the dent and distance of its centre, in nuclear radii."""
LOBES = {NucleusShape.SEGMENTED: ((2, 3, 4, 5), (0.1, 0.45, 0.35, 0.1)), NucleusShape.BILOBED: ((2,), (1.0,))}
"""Numbers of lobes and how often they occur."""


@dataclass(frozen=True, slots=True)
class NucleusBodies:
    """A nucleus in the frame of its cell: the union of lobes, less the dents.

    Attributes
    ----------
    lobes, dents
        `(n, 6)` float64: centre z, y, x and semi-axes z, y, x of ellipsoids, um.
    nucleoli
        `(n, 4)` float64: centre z, y, x and radius.
    ratio
        Diameter over that of the cell; for lobes, of a ball of their volume.
    """

    lobes: Doubles
    dents: Doubles
    nucleoli: Doubles
    ratio: float

    def contains(self, points: Doubles) -> npt.NDArray[np.bool_]:
        """Whether points `(n, 3)` lie in it."""
        return inside_any(self.lobes, points) & ~inside_any(self.dents, points)


def draw_nucleus(prior: Nucleus, radius_um: float, rng: np.random.Generator) -> NucleusBodies:
    """Draw the nucleus of a cell of this mean radius."""
    none, nothing = np.empty((0, 6)), np.empty((0, 4))
    if prior.shape is NucleusShape.NONE:
        return NucleusBodies(none, none, nothing, math.nan)
    ratio = min(prior.ratio * math.exp(prior.ratio_cv * rng.standard_normal()), LARGEST_RATIO)
    size = ratio * radius_um
    if prior.shape in LOBES:
        lobes = _lobes(prior.shape, radius_um, size, rng)
        return NucleusBodies(lobes, none, _nucleoli(prior, lobes, none, size, rng), ratio)
    # A round nucleus lies anywhere from the middle to half way to the membrane.
    centre = directions(1, rng)[0] * 0.5 * (radius_um - size) * rng.random()
    semi = np.full(3, size)
    if prior.shape is NucleusShape.OVAL:
        room = radius_um * 0.95 - float(np.linalg.norm(centre))
        aspect = min(OVAL_ASPECT + 0.1 * float(rng.standard_normal()), (room / size) ** 1.5)
        semi = size * np.roll([max(aspect, 1.0) ** (2 / 3), *2 * [max(aspect, 1.0) ** (-1 / 3)]], rng.integers(3))
    lobes, dents = np.array([[*centre, *semi]]), none
    if prior.shape in DENTS:
        reach, distance = (value * size for value in DENTS[prior.shape])
        dents = np.array([[*(centre + directions(1, rng)[0] * distance), reach, reach, reach]])
    return NucleusBodies(lobes, dents, _nucleoli(prior, lobes, dents, size, rng), ratio)


def _lobes(shape: NucleusShape, radius_um: float, size: float, rng: np.random.Generator) -> Doubles:
    """Lobes on an arc about the middle of the cell, a little unequal."""
    numbers, shares = LOBES[shape]
    count = int(rng.choice(numbers, p=shares))
    radii = size / count ** (1 / 3) * np.exp(0.08 * rng.standard_normal(count))
    plane = np.linalg.qr(rng.standard_normal((3, 2)))[0].T
    # Neighbours just touch: a lobe's diameter is the chord between two of them.
    reach = min(1.2 * float(radii.mean()) if count < 4 else 1.45 * float(radii.mean()), radius_um)
    step = 2 * math.asin(min(1.02 * float(radii.mean()) / reach, 1.0))
    angles = step * np.arange(count) + 2 * math.pi * rng.random()
    places = reach * (np.cos(angles)[:, None] * plane[0] + np.sin(angles)[:, None] * plane[1])
    limit = (0.96 * radius_um - radii) / np.maximum(np.linalg.norm(places, axis=1), 1e-9)
    places *= np.minimum(limit, 1.0)[:, None]
    return np.concatenate([places, np.repeat(radii[:, None], 3, axis=1)], axis=1)


def _nucleoli(prior: Nucleus, lobes: Doubles, dents: Doubles, size: float, rng: np.random.Generator) -> Doubles:
    """Balls of 0.8 to 1.5 um inside the nucleus, smaller where it has no room for them."""
    fewest, most = prior.nucleoli
    count = int(rng.integers(fewest, most + 1)) if most else 0
    radii = np.minimum(0.8 + 0.7 * rng.random(count), 0.3 * size)
    balls: list[tuple[float, ...]] = []
    for radius in radii.tolist():
        # A few tries suffice, as most of the nucleus is free; one that finds no room is left out.
        for place in lobes[0, :3] + directions(20, rng) * np.cbrt(rng.random((20, 1))) * (lobes[0, 3:] - radius):
            free = all(np.linalg.norm(place - ball[:3]) > radius + ball[3] for ball in balls)
            clear = all(np.linalg.norm(place - dent[:3]) > radius + dent[3] for dent in dents)
            if free and clear:
                balls.append((*place.tolist(), radius))
                break
    return np.array(balls).reshape(-1, 4)


def inside_any(bodies: Doubles, points: Doubles) -> npt.NDArray[np.bool_]:
    """Whether points `(n, 3)` lie in one of the ellipsoids `(b, 6)`."""
    inside = np.zeros(points.shape[0], dtype=np.bool_)
    for body in bodies:
        inside |= np.sum(((points - body[:3]) / body[3:]) ** 2, axis=1) < 1.0
    return inside
