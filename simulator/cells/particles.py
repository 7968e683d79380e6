"""How beads, bubbles and red blood cells are drawn (specification F.2 and F.3)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulator.cells.ball import Ball, BallSpecimen
from simulator.cells.collection import SIDE_APERTURE
from simulator.cells.disc import Disc, DiscPopulation, half_height
from simulator.cells.levels import ImageLevel
from simulator.cells.membranes import SHELL_POINTS_PER_UM2, SHELL_UM2_PER_UM2, ellipsoid_area_um2
from simulator.cells.mie import mie_side_cross_section_um2
from simulator.cells.random_points import directions, lognormal, random_turn
from simulator.cells.specimen import MEDIUM_INDEX

Doubles = npt.NDArray[np.float64]

NEAR_GLARE = 0.8
"""Share of a ball's light that comes from where light is first mirrored; the rest has gone through the ball and leaves
opposite (an assumption of the simulation)."""


def make_ball(ball: Ball, rng: np.random.Generator, level: ImageLevel) -> BallSpecimen:
    """Draw a bead or a bubble: a shell and two glare points, as bright as Mie's theory has it at level L2."""
    diameter = float(lognormal(ball.diameter_um, ball.diameter_cv, 1, rng)[0])
    radius = diameter / 2
    mirror = np.array([1.0, 0.0, -1.0]) / math.sqrt(2.0)
    glare = geometric_glare_um2(radius, ball.index)
    area = ellipsoid_area_um2(np.full(3, radius))
    count = round(area * SHELL_POINTS_PER_UM2)
    shell = np.full((count, 4), area * SHELL_UM2_PER_UM2 / count)
    shell[:, :3] = radius * directions(count, rng)
    points = np.array([[*radius * mirror, NEAR_GLARE * glare], [*-radius * mirror, (1 - NEAR_GLARE) * glare]])
    scatterers = np.concatenate([points, shell])
    if level is ImageLevel.L2:
        exact = mie_side_cross_section_um2(diameter, ball.index, MEDIUM_INDEX)
        scatterers[:, 3] *= exact / scatterers[:, 3].sum()
    return BallSpecimen(ball.name, diameter, ball.index, scatterers.astype(np.float32))


def geometric_glare_um2(radius_um: float, index: float) -> float:
    """Cross-section of the light that a large ball mirrors into the side objective, um^2.

    dC/dOmega = r^2 / 4 times Fresnel's reflectance for light polarised across the plane of incidence, at the 45 degrees
    that turn it by a right angle (van de Hulst, Light Scattering by Small Particles, 12.2).
    """
    ratio = index / MEDIUM_INDEX
    inside = ratio * math.sqrt(max(1.0 - 0.5 / ratio**2, 0.0))
    reflectance = ((math.sqrt(0.5) - inside) / (math.sqrt(0.5) + inside)) ** 2
    solid_angle = 2 * math.pi * (1.0 - math.sqrt(1.0 - (SIDE_APERTURE / MEDIUM_INDEX) ** 2))
    return radius_um**2 / 4 * reflectance * solid_angle


def make_disc(population: DiscPopulation, rng: np.random.Generator) -> Disc:
    """Draw a red blood cell in any direction; its membrane scatters, and nothing is inside."""
    diameter = float(lognormal(population.diameter_um, population.diameter_cv, 1, rng)[0])
    turn = random_turn(rng)
    area = 2 * math.pi * (diameter / 2) ** 2 * 1.05
    count = round(area * SHELL_POINTS_PER_UM2)
    rho2, azimuth = rng.random(count), 2 * math.pi * rng.random(count)
    plane = diameter / 2 * np.sqrt(rho2)
    height = half_height(rho2, population.height_um) * rng.choice([-1.0, 1.0], count)
    places = np.stack([plane * np.cos(azimuth), plane * np.sin(azimuth), height], axis=1) @ turn
    strength = rng.exponential(area / count * SHELL_UM2_PER_UM2, size=(count, 1))
    scatterers = np.concatenate([places, strength], axis=1).astype(np.float32)
    return Disc(population.name, diameter, population.height_um, population.index, turn, scatterers)
