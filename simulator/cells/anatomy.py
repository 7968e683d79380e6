"""How a cell is drawn from its population (specification F.1)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from simulator.cells.cell import Cell
from simulator.cells.facts import facts
from simulator.cells.membranes import envelope, outer_membrane
from simulator.cells.nucleus import NUCLEOLUS_INDEX, NucleusBodies, draw_nucleus
from simulator.cells.outline import draw_outline
from simulator.cells.path import Shape
from simulator.cells.population import Granules, Population
from simulator.cells.random_points import directions, lognormal, random_turn
from simulator.cells.rayleigh_gans import side_cross_section_um2
from simulator.cells.specimen import MEDIUM_INDEX, Floats, View
from simulator.cells.staining import Staining, draw_staining, even_points, gfp_area_ratio, glowing_points
from simulator.cells.texture import Texture

Doubles = npt.NDArray[np.float64]

LARGEST_ASPECT = 1.15
FIXATION_SHRINKS = (0.05, 0.15)
FIXATION_INDEX_GAIN = 0.005
"""What a mean shrinkage adds to the index of the cytoplasm; more shrinkage adds more."""
TEXTURE_CORRELATION_UM = (0.3, 0.6)
CHROMATIN_RMS = (0.002, 0.005)
CYTOPLASM_RMS = (0.001, 0.003)
GRANULE_RADII_UM = (0.03, 1.0)
GRANULE_REACH = 0.93
"""Granules keep within this part of the way to the membrane."""
GRANULE_ROUNDS = 20
"""Rounds of four places per granule, after which a cell has the fewer granules: a thin rim of cytoplasm holds few."""
DEBRIS_DIAMETERS_UM = (0.5, 3.0)


def make_cell(population: Population, rng: np.random.Generator) -> Cell:
    """Draw a cell from a population; the same generator state gives the same cell."""
    diameter = float(lognormal(population.diameter_um, population.diameter_cv, 1, rng)[0])
    if not population.is_cell:
        diameter = min(max(diameter, DEBRIS_DIAMETERS_UM[0]), DEBRIS_DIAMETERS_UM[1])
    index = population.cytoplasm_index
    if population.fixed:
        shrinks = FIXATION_SHRINKS[0] + (FIXATION_SHRINKS[1] - FIXATION_SHRINKS[0]) * rng.random()
        diameter *= 1.0 - shrinks
        index += FIXATION_INDEX_GAIN * shrinks / (sum(FIXATION_SHRINKS) / 2)
    axes = _axes(diameter / 2, rng)
    outline = draw_outline(population.roughness, population.ruffles, rng)
    nucleus = draw_nucleus(population.nucleus, diameter / 2, rng)
    staining = draw_staining(population.stain, rng)
    granules = _granules(population, diameter, axes, nucleus, rng)
    turn = random_turn(rng)
    shape = Shape(axes, outline.relief, turn, nucleus.lobes, nucleus.dents)
    scatterers = np.concatenate(
        [
            _granule_scatter(granules, population.granules, index),
            outer_membrane(axes, outline, rng),
            envelope(nucleus.lobes, nucleus.dents, rng),
        ]
    )
    glowing = np.empty((0, 4))
    if not math.isnan(staining.ratio):
        everywhere = even_points(axes, rng)
        glowing = glowing_points(staining, axes, nucleus.contains(everywhere), everywhere)
    nucleus_step = population.nucleus.index_step
    nucleus_step += staining.dry_mass_gain * (index - MEDIUM_INDEX + nucleus_step)
    cell = Cell(
        kind=population.name,
        is_cell=population.is_cell,
        diameter_um=diameter,
        shape=shape,
        reach_um=float(axes.max() * (1.0 + outline.relief.max())),
        cytoplasm_step=index - MEDIUM_INDEX,
        nucleus_step=nucleus_step,
        balls=_turned(_balls(granules, population.granules.index - index, nucleus, index, nucleus_step), turn),
        cytoplasm_texture=_texture(CYTOPLASM_RMS, rng),
        nucleus_texture=_texture(CHROMATIN_RMS, rng, 1.0 + staining.texture_gain),
        scatterers=_turned(scatterers, turn),
        fluorophores=_turned(glowing, turn),
        facts={},
    )
    return _with_facts(cell, nucleus, staining, granules.shape[0])


def _axes(radius: float, rng: np.random.Generator) -> Doubles:
    """Semi-axes of an ellipsoid of the volume of a ball of this radius."""
    aspect = 1.0 + (LARGEST_ASPECT - 1.0) * rng.random()
    return radius * np.array([aspect ** (2 / 3), aspect ** (-1 / 3), aspect ** (-1 / 3)])


def _texture(limits: tuple[float, float], rng: np.random.Generator, gain: float = 1.0) -> Texture:
    rms = limits[0] + (limits[1] - limits[0]) * rng.random()
    shortest, longest = TEXTURE_CORRELATION_UM
    return Texture(gain * rms, shortest + (longest - shortest) * rng.random(), int(rng.integers(1 << 62)))


def _granules(
    population: Population, diameter: float, axes: Doubles, nucleus: NucleusBodies, rng: np.random.Generator
) -> Doubles:
    """Granules `(g, 4)`: z, y, x and radius, uniform in the cytoplasm; their number goes with the cell's volume."""
    prior = population.granules
    typical = population.diameter_um * (1.0 - sum(FIXATION_SHRINKS) / 2 if population.fixed else 1.0)
    mean = prior.count * (diameter / typical) ** 3
    if prior.count_cv:
        mean *= float(lognormal(1.0, prior.count_cv, 1, rng)[0])
    count = int(rng.poisson(mean))
    points = np.empty((0, 3))
    for _ in range(GRANULE_ROUNDS):
        if points.shape[0] >= count:
            break
        tried = directions(4 * count, rng) * np.cbrt(rng.random((4 * count, 1))) * (axes * GRANULE_REACH)
        points = np.concatenate([points, tried[~nucleus.contains(tried)]])
    points = points[:count]
    radii = np.clip(lognormal(prior.radius_um, prior.radius_cv, points.shape[0], rng), *GRANULE_RADII_UM)
    return np.concatenate([points, radii[:, None]], axis=1)


def _granule_scatter(granules: Doubles, prior: Granules, host_index: float) -> Doubles:
    """Points `(g, 4)` with the cross-section that the side objective collects of each granule, um^2."""
    strength = side_cross_section_um2(granules[:, 3], prior.index, host_index)
    return np.concatenate([granules[:, :3], strength[:, None]], axis=1)


def _balls(
    granules: Doubles, granule_step: float, nucleus: NucleusBodies, index: float, nucleus_step: float
) -> Doubles:
    """Balls `(g, 5)` of granules and nucleoli, with their index steps."""
    steps = np.full((granules.shape[0], 1), granule_step)
    nucleoli_steps = np.full((nucleus.nucleoli.shape[0], 1), NUCLEOLUS_INDEX - index - nucleus_step)
    return np.concatenate(
        [np.concatenate([granules, steps], axis=1), np.concatenate([nucleus.nucleoli, nucleoli_steps], axis=1)]
    )


def _turned(points: Doubles, turn: Doubles) -> Floats:
    """Points with their places turned from the cell's own frame into z, y, x."""
    turned = points.astype(np.float32)
    turned[:, :3] = points[:, :3] @ turn.T
    return turned


def _with_facts(cell: Cell, nucleus: NucleusBodies, staining: Staining, granules: int) -> Cell:
    """Return the cell with what is known of it."""
    area = math.nan
    if not math.isnan(staining.ratio):
        area = gfp_area_ratio(staining, *cell.lengths(View((0, 1, 2), (0.0, 0.0), 64, cell.reach_um / 30, 488.0)))
    known = facts(
        nucleus_ratio=nucleus.ratio,
        granules=float(granules),
        granules_per_um3=granules / (math.pi / 6 * cell.diameter_um**3),
        translocation=staining.ratio,
        gfp_area_ratio=area,
        side_scatter_um2=float(cell.scatterers[:, 3].sum()),
    )
    return replace(cell, facts=known)
