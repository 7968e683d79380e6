"""Membranes and other boundaries as weak scatterers spread over their area (specification F.3, level L0)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulator.cells.nucleus import inside_any
from simulator.cells.outline import Outline, surface_points
from simulator.cells.random_points import directions

Doubles = npt.NDArray[np.float64]

SHELL_UM2_PER_UM2 = 9e-7
"""Cross-section that the side objective collects per area of cell membrane or nuclear envelope.

One number for all cells, and an assumption: it was chosen so that the populations' levels against a lymphocyte fall
into the ranges of the table F.2. Granules, whose scatter follows from their size and index, set the scale: a
lymphocyte is almost all membrane, a neutrophil almost all granules.
"""
SHELL_POINTS_PER_UM2 = 1.2
FEWEST_POINTS = 12


def outer_membrane(axes: Doubles, outline: Outline, rng: np.random.Generator) -> Doubles:
    """Points `(s, 4)` on the rough surface of a cell, in its own frame: z, y, x, um, and strength, um^2."""
    area = ellipsoid_area_um2(axes) * outline.area_gain
    count = max(FEWEST_POINTS, round(area * SHELL_POINTS_PER_UM2))
    points = surface_points(axes, outline.relief, directions(count, rng))
    return _with_strength(points, area / count, rng)


def envelope(lobes: Doubles, dents: Doubles, rng: np.random.Generator) -> Doubles:
    """Points `(s, 4)` on the surface of a nucleus: its lobes outside of one another, and its dents inside of them."""
    parts = [np.empty((0, 4))]
    for bodies, others in ((lobes, dents), (dents, lobes)):
        for k, body in enumerate(bodies):
            area = ellipsoid_area_um2(body[3:])
            count = max(FEWEST_POINTS, round(area * SHELL_POINTS_PER_UM2))
            points = body[:3] + directions(count, rng) * body[3:]
            if bodies is lobes:
                seen = ~inside_any(np.delete(lobes, k, axis=0), points) & ~inside_any(others, points)
            else:
                seen = inside_any(others, points)
            parts.append(_with_strength(points, area / count, rng)[seen])
    return np.concatenate(parts)


def ellipsoid_area_um2(axes: Doubles) -> float:
    """Surface of an ellipsoid of these semi-axes, within 1.2 % (Thomsen's formula)."""
    p = 1.6075
    a, b, c = axes**p
    return float(4 * math.pi * ((a * b + b * c + c * a) / 3) ** (1 / p))


def _with_strength(points: Doubles, area_um2: float, rng: np.random.Generator) -> Doubles:
    # Waves from the many molecules behind one point add at random phases, so its intensity is exponential.
    strength = rng.exponential(area_um2 * SHELL_UM2_PER_UM2, size=(points.shape[0], 1))
    return np.concatenate([points, strength], axis=1)
