"""When and where cells come: Poisson arrivals, each cell with its own speed and place."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import numpy as np

from simulator.cells.drawing import draw_specimen
from simulator.cells.joined import Joined
from simulator.cells.specimen import Specimen, Specimens
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup

SLOWEST = 0.25
"""Least speed, relative to the instrument's; nothing that flows is slower."""


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
class Passing:
    """Something on its way to the beam whose looks are not drawn yet: that takes time, and any thread may do it.

    Attributes
    ----------
    index
        Its number among all that comes, from 1.
    is_cell
        Whether it belongs to the sample, and is not debris or a bubble.
    tick
        When its centre passes y = 0, ticks, fractional.
    speed_m_s
        Its speed.
    x_um, z_um
        Its place across the flow.
    """

    index: int
    is_cell: bool
    tick: float
    speed_m_s: float
    x_um: float
    z_um: float
    _draw: Callable[[], Specimen]

    def arrival(self) -> Arrival:
        """Draw what comes; the same whenever it is asked."""
        return Arrival(self.index, self._draw(), self.tick, self.speed_m_s, self.x_um, self.z_um)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the Poisson processes that make up the flow."""

    per_s: float
    is_cell: bool
    draw: Callable[[np.random.Generator], Specimen]
    times: Purpose
    looks: Purpose


def passings(setup: Setup, sample: Specimens, seed: int, *, first_tick: float | None = None) -> Iterator[Passing]:
    """Give what comes, in order of ticks, without end.

    Parameters
    ----------
    setup, sample, seed
        As for `SimulatedStream`.
    first_tick
        From when on; None leaves the first cell the whole way to the beam.
    """
    flow, instrument = setup.flow, setup.instrument
    if first_tick is None:
        first_tick = 2.0 * instrument.grid.field_um * 1e-6 / instrument.flow_speed_m_s * instrument.sample_rate_hz
    debris_per_s = flow.debris_per_cell * flow.cells_per_s
    kinds = (
        _Kind(flow.cells_per_s, True, _cells(sample, flow.doublets), Purpose.ARRIVALS, Purpose.CELLS),
        _Kind(debris_per_s, False, _of_kind("debris"), Purpose.DEBRIS_ARRIVALS, Purpose.DEBRIS),
        _Kind(flow.bubbles_per_s, False, _of_kind("bubble"), Purpose.BUBBLE_ARRIVALS, Purpose.BUBBLES),
    )
    streams = [_poisson(kind, setup, seed, first_tick) for kind in kinds if kind.per_s > 0]
    merged = heapq.merge(*streams, key=lambda passing: passing.tick)
    return (replace(passing, index=index) for index, passing in zip(count(1), merged, strict=False))


def arrivals(setup: Setup, sample: Specimens, seed: int) -> Iterator[Arrival]:
    """Draw everything that comes, in order of ticks, without end."""
    return (passing.arrival() for passing in passings(setup, sample, seed))


def _poisson(kind: _Kind, setup: Setup, seed: int, tick: float) -> Iterator[Passing]:
    flow, instrument = setup.flow, setup.instrument
    rng = random_stream(seed, kind.times)
    per_cell = instrument.sample_rate_hz / kind.per_s
    for number in count(1):
        tick += float(rng.exponential(per_cell))
        spread, x, z = random_stream(seed, Purpose.PLACES, len(Purpose) * number + kind.looks).standard_normal(3)
        slow = 2 * math.pi * tick / (instrument.sample_rate_hz * flow.speed_drift_s)
        relative = 1.0 + flow.speed_drift * math.sin(slow) + flow.speed_cv * float(spread)
        yield Passing(
            index=number,
            is_cell=kind.is_cell,
            tick=tick,
            speed_m_s=instrument.flow_speed_m_s * min(max(relative, SLOWEST), 2.0 - SLOWEST),
            x_um=flow.lateral_x_um * float(x),
            z_um=flow.lateral_z_um * float(z),
            _draw=partial(_drawn, kind, seed, number),
        )


def _drawn(kind: _Kind, seed: int, number: int) -> Specimen:
    return kind.draw(random_stream(seed, kind.looks, number))


def _cells(sample: Specimens, doublets: float) -> Callable[[np.random.Generator], Specimen]:
    def draw(rng: np.random.Generator) -> Specimen:
        if rng.random() >= doublets:
            return sample.draw(rng)
        return Joined.touching(sample.draw(rng), sample.draw(rng), rng)

    return draw


def _of_kind(kind: str) -> Callable[[np.random.Generator], Specimen]:
    return lambda rng: draw_specimen(kind, rng)
