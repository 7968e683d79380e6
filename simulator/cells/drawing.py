"""One specimen of any kind."""

from __future__ import annotations

import numpy as np

from simulator.cells.anatomy import make_cell
from simulator.cells.ball import Ball
from simulator.cells.catalogue import KINDS
from simulator.cells.disc import DiscPopulation
from simulator.cells.levels import ImageLevel
from simulator.cells.particles import make_ball, make_disc
from simulator.cells.specimen import Specimen


def draw_specimen(kind: str, rng: np.random.Generator, level: ImageLevel = ImageLevel.L0) -> Specimen:
    """Draw a specimen of a kind in `simulator.cells.catalogue.KINDS`; the same generator state gives the same one.

    Raises
    ------
    ConfigError
        If the level asks for Mie's theory and it is not installed.
    """
    description = KINDS[kind]
    if isinstance(description, Ball):
        return make_ball(description, rng, level)
    if isinstance(description, DiscPopulation):
        return make_disc(description, rng)
    return make_cell(description, rng)
