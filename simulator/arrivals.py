"""When and where cells come: Poisson arrivals, each cell with its own speed and place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.cells.specimen import Specimen, Specimens
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup


@dataclass(frozen=True, slots=True)
class Arrival:
    """A cell on its way through the beam.

    Attributes
    ----------
    index
        Number of the cell, from 1.
    specimen
        What comes.
    tick
        When its centre passes y = 0, ticks, fractional.
    speed_m_s
        Its speed.
    x_um, z_um
        Its place across the flow.
    """

    index: int
    specimen: Specimen
    tick: float
    speed_m_s: float
    x_um: float
    z_um: float


@dataclass(frozen=True, slots=True)
class Passage:
    """What is kept of a cell once it is laid on the stream: its truth, without the cell itself."""

    index: int
    kind: str
    tick: float
    speed_m_s: float
    x_um: float
    z_um: float
    diameter_um: float

    @classmethod
    def of(cls, arrival: Arrival) -> Self:
        """Return the passage of a cell."""
        return cls(
            arrival.index,
            arrival.specimen.kind,
            arrival.tick,
            arrival.speed_m_s,
            arrival.x_um,
            arrival.z_um,
            arrival.specimen.diameter_um,
        )


def arrival_ticks(setup: Setup, seed: int) -> Iterator[float]:
    """Ticks at which cells pass y = 0, without end; the first cell has the whole way to the beam before it."""
    rng = random_stream(seed, Purpose.ARRIVALS)
    instrument = setup.instrument
    per_cell = instrument.sample_rate_hz / setup.flow.cells_per_s
    tick = 2.0 * instrument.grid.field_um * 1e-6 / instrument.flow_speed_m_s * instrument.sample_rate_hz
    while True:
        for interval in rng.exponential(per_cell, size=1024).tolist():
            tick += interval
            yield tick


def arrivals(setup: Setup, sample: Specimens, seed: int) -> Iterator[Arrival]:
    """Cells in order of their ticks, without end."""
    for index, tick in enumerate(arrival_ticks(setup, seed), start=1):
        rng = random_stream(seed, Purpose.CELLS, index)
        cell = sample.draw(rng)
        speed = setup.instrument.flow_speed_m_s * (
            1.0 + setup.flow.speed_cv * float(np.clip(rng.standard_normal(), -4, 4))
        )
        x_um, z_um = (setup.flow.lateral_x_um, setup.flow.lateral_z_um) * rng.standard_normal(2)
        yield Arrival(index, cell, tick, speed, float(x_um), float(z_um))
