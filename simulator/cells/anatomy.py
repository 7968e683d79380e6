"""How a cell is drawn from its population (specification F.1)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulator.cells.catalogue import Population
from simulator.cells.cell import Cell
from simulator.cells.specimen import MEDIUM_INDEX

Floats = npt.NDArray[np.float32]

SHELL_STRENGTH_PER_UM2 = 0.012
"""Scatter of membranes against that of granules, set so that the populations' side scatter levels come out as in
the table F.2 (an assumption of the simulation, not a measurement)."""
SHELL_POINTS_PER_UM2 = 1.2


def make_cell(population: Population, rng: np.random.Generator) -> Cell:
    """Draw a cell from a population; the same generator state gives the same cell."""
    diameter = population.diameter_um * math.exp(population.diameter_cv * rng.standard_normal())
    radius = diameter / 2
    aspect = 1.0 + 0.10 * rng.random()
    axes = radius * rng.permutation([aspect ** (2 / 3), aspect ** (-1 / 3), aspect ** (-1 / 3)])
    nucleus = _nucleus(population, radius, rng)
    outer = np.array([[0, 0, 0, *axes, population.cytoplasm_index - MEDIUM_INDEX]])
    granules = _granules(population, axes, nucleus, rng)
    scatterers = np.concatenate(
        [
            _granule_scatter(granules, population),
            _shell(outer[0], rng),
            *(_shell(body, rng) for body in nucleus if body[6] >= 0),
        ]
    )
    orders = np.arange(2, 9)
    amplitudes = population.roughness * rng.standard_normal(orders.size) / np.sqrt(orders.size)
    return Cell(
        kind=population.name,
        diameter_um=float(diameter),
        bodies=np.concatenate([outer, nucleus]).astype(np.float32),
        roughness=np.stack([orders, amplitudes, 2 * np.pi * rng.random(orders.size)], axis=1).astype(np.float32),
        granules=granules.astype(np.float32),
        scatterers=scatterers.astype(np.float32),
    )


def _nucleus(population: Population, radius: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Ellipsoids `(b, 7)` of the nucleus inside a cell of this radius."""
    ratio = min(population.nucleus_ratio * math.exp(population.nucleus_ratio_cv * rng.standard_normal()), 0.92)
    size = radius * ratio
    step = population.nucleus_index_step
    direction = _directions(1, rng)[0]
    centre = direction * 0.5 * (radius - size) * rng.random()
    if population.nucleus == "round":
        return np.array([[*centre, size, size, size, step]])
    if population.nucleus == "kidney":
        dent = centre + _directions(1, rng)[0] * size
        # A dent is cytoplasm again: it takes away the nucleus's step and is marked as no body of its own.
        return np.array([[*centre, size, size, size, step + 0.004], [*dent, *(3 * [0.55 * size]), -(step + 0.004)]])
    lobes = int(rng.integers(3, 5))
    lobe = size / lobes ** (1 / 3)
    plane = np.linalg.qr(rng.standard_normal((3, 2)))[0].T
    angles = np.linspace(0, 1.35 * math.pi, lobes) + 2 * math.pi * rng.random()
    reach = min(1.15 * lobe, radius - 1.05 * lobe) * 1.25
    places = np.cos(angles)[:, None] * plane[0] * reach + np.sin(angles)[:, None] * plane[1] * reach
    limit = (radius - lobe) / np.maximum(np.linalg.norm(places, axis=1), 1e-9)
    places *= np.minimum(limit, 1.0)[:, None]
    return np.array([[*place, lobe, lobe, lobe, step] for place in places])


def _granules(
    population: Population, axes: npt.NDArray[np.float64], nucleus: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Granules `(g, 5)`, uniform in the cytoplasm."""
    count = int(rng.poisson(population.granules))
    # Rejection from the cell's ellipsoid: three times as many as needed leaves enough beside any nucleus but a
    # very large one, which then has fewer granules, as a thin cytoplasm does.
    points = _directions(4 * count, rng) * np.cbrt(rng.random((4 * count, 1))) * (axes * 0.95)
    outside = np.ones(points.shape[0], dtype=bool)
    for body in nucleus:
        outside &= np.sum(((points - body[:3]) / body[3:6]) ** 2, axis=1) > 1.0
    points = points[outside][:count]
    smallest, largest = population.granule_radius_um
    radii = smallest + (largest - smallest) * rng.random((points.shape[0],))
    step = np.full(points.shape[0], population.granule_index - population.cytoplasm_index)
    return np.concatenate([points, radii[:, None], step[:, None]], axis=1)


def _granule_scatter(granules: npt.NDArray[np.float64], population: Population) -> npt.NDArray[np.float64]:
    """Points `(g, 4)` with Rayleigh-Gans strength (n^2 - nc^2)^2 r^6, r in units of 0.15 um."""
    contrast = (population.granule_index**2 - population.cytoplasm_index**2) ** 2
    strength = contrast * (granules[:, 3] / 0.15) ** 6
    return np.concatenate([granules[:, :3], strength[:, None]], axis=1)


def _shell(body: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Weak scatterers `(s, 4)` on the surface of an ellipsoid."""
    area = 4 * math.pi * float(np.prod(body[3:6])) ** (2 / 3)
    count = max(16, round(area * SHELL_POINTS_PER_UM2))
    points = body[:3] + _directions(count, rng) * body[3:6]
    strength = rng.exponential(area * SHELL_STRENGTH_PER_UM2 / count, size=(count, 1))
    return np.concatenate([points, strength], axis=1)


def _directions(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw unit vectors `(count, 3)`, uniform on the sphere."""
    vectors = rng.standard_normal((count, 3))
    return np.asarray(vectors / np.sqrt(np.sum(vectors**2, axis=1))[:, None])
