"""The flow speed of single cells against the truth: from the comb of the pinholes, and from two slits.

`python -m benchmarks.speed 20` takes 20 cells of each population and light.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.instrument import Instrument
from benchmarks.page import table
from reconstruction.light_sheet.speed_meter import SpeedMeter
from simulator.arrivals import Arrival, passings
from simulator.cells.levels import ImageLevel
from simulator.cells.sample import parse_sample
from simulator.optics.light_sheet import LightSheetModel, LightSheetShadow
from simulator.presets import setup_preset
from simulator.rendering import FRAME_SAMPLES, Renderer
from simulator.setup import Setup

KINDS = ("wbc", "skno1", "hek293t", "mcf7")
PHOTOELECTRONS = (20.0, 2000.0)
SEED, CELLS = 22, 80
GAP_S = 0.006
"""Cells come so far apart that none is in another's window; debris comes at random, 150 a second."""
SMALLEST_UM = 5.0
SECOND_SLIT_UM = 380.0
WRONG = 0.01
"""A speed further than this from the truth is wrong: a volume made with it is smeared (specification A.7)."""
GATE = 0.01
"""Standard error, relative, beyond which the gate refuses to make an image."""
HEAD = (
    "simulated",
    "photoelectrons",
    "from",
    "cells",
    "median error, %",
    "95th percentile, %",
    "true deviation / stated error",
    "wrongly refused",
    "wrongly accepted",
)


@dataclass(frozen=True)
class Measured:
    """An event of one cell alone in its window, and the cell's true speed."""

    event: Event
    speed_m_s: float


def two_slits() -> Setup:
    """Return sheet-real, all its defects on, with a second slit and a detector of its own at the last pinhole."""
    setup = setup_preset("sheet-real")
    held = setup.model_dump(mode="json")
    held["instrument"]["channels"].append({"name": "transmission_2", "role": "transmission"})
    held["instrument"]["optics"]["slits"].append({"y_um": SECOND_SLIT_UM, "width_um": 1.0})
    held["detectors"].append(held["detectors"][0])
    held["flow"] |= {"cells_per_s": 1 / GAP_S, "debris_per_cell": 150 * GAP_S, "doublets": 0.0}
    return Setup.model_validate(held)


def isolated_cells(kind: str, photoelectrons: float, cells: int, seed: int) -> tuple[Instrument, list[Measured]]:
    """Simulate cells whose side scatter peaks at so many photoelectrons each; give those alone and unflagged."""
    setup = two_slits()
    side = setup.detectors[1].model_copy(
        update={"counts_per_photoelectron": min(10.0, 10000.0 / photoelectrons), "noise_counts": 0.1}
    )
    setup = setup.model_copy(update={"detectors": (setup.detectors[0], side, *setup.detectors[2:])})
    renderer = Renderer(setup, seed, ImageLevel.L0)
    assert isinstance(renderer.model, LightSheetModel)
    come = list(_spaced(setup, kind, cells, seed))
    shadows = [_lit(renderer.model, arrival, photoelectrons / side.photoelectrons) for arrival in come]
    detector, events = detector_for(setup.instrument), []
    last = (cells * GAP_S + 0.03) * setup.instrument.sample_rate_hz
    for frame in count():
        first = frame * FRAME_SAMPLES
        if first > last:
            break
        near = [s for s in shadows if s.first_tick < first + FRAME_SAMPLES and s.end_tick > first]
        counts = renderer.convert(frame, renderer.amplify(frame, renderer.charge(frame, FRAME_SAMPLES, near)))
        events += detector.push(Block(counts, first))
    events += detector.flush()
    return setup.instrument, list(_alone(events, come))


def _spaced(setup: Setup, kind: str, cells: int, seed: int) -> Iterator[Arrival]:
    """Give what comes, with the cells at even distances."""
    number = 0
    for passing in passings(setup, parse_sample(kind), seed):
        number += passing.is_cell
        if number > cells:
            return
        tick = (number * GAP_S + 0.02) * setup.instrument.sample_rate_hz
        yield (replace(passing, tick=tick + 137.7 * (number % 7)) if passing.is_cell else passing).arrival()


def _lit(model: LightSheetModel, arrival: Arrival, peak: float) -> LightSheetShadow:
    """Render an arrival; the side scatter of a cell is made to peak at `peak`."""
    shadow = model.shadow(arrival)
    scatter = shadow.pictures[1]
    if not _is_large(arrival) or scatter is None:
        return shadow
    lit = scatter * np.float32(peak / scatter.max())
    return replace(shadow, pictures=(shadow.pictures[0], lit, *shadow.pictures[2:]))


def _is_large(arrival: Arrival) -> bool:
    return arrival.specimen.is_cell and arrival.specimen.diameter_um >= SMALLEST_UM


def _alone(events: list[Event], come: list[Arrival]) -> Iterator[Measured]:
    large = [arrival for arrival in come if _is_large(arrival)]
    for event in events:
        near = [a for a in large if abs(a.tick - event.trigger_tick) <= 0.5 * event.duration_ticks + 300]
        if len(near) == 1 and not event.flags:
            yield Measured(event, near[0].speed_m_s)


def row(
    kind: str, photoelectrons: float, source: str, instrument: Instrument, cells: list[Measured]
) -> tuple[object, ...]:
    """Measure the cells with all slits of an instrument, or only the first one."""
    sheet = instrument.light_sheet
    if source == "comb":
        instrument = instrument.model_copy(update={"optics": sheet.model_copy(update={"slits": sheet.slits[:1]})})
    meter = SpeedMeter(instrument)
    fits = [meter.measure(cell.event, 1) for cell in cells]
    per_tick = np.array([cell.speed_m_s for cell in cells]) * 1e6 / instrument.sample_rate_hz
    error = np.array([fit.speed_um_per_tick for fit in fits]) / per_tick - 1.0
    stated = np.array([fit.error_um_per_tick for fit in fits]) / per_tick
    taken = stated < GATE
    size = np.abs(error[taken])
    # Of a normal distribution 68.3 % lie within one standard deviation; some wild cells do not change this figure.
    pull = np.percentile(size / stated[taken], 68.3)
    return (
        kind,
        f"{photoelectrons:g}",
        source,
        len(cells),
        f"{100 * np.median(size):.3f}",
        f"{100 * np.percentile(size, 95):.3f}",
        f"{pull:.2f}",
        int(np.sum(~taken & (np.abs(error) < WRONG))),
        int(np.sum(taken & (np.abs(error) >= WRONG))),
    )


def figures(cells_of_each: int = CELLS) -> list[tuple[object, ...]]:
    """One row a population, light and source."""
    rows: list[tuple[object, ...]] = []
    for kind in KINDS:
        for photoelectrons in PHOTOELECTRONS:
            instrument, cells = isolated_cells(kind, photoelectrons, cells_of_each, SEED)
            for source in ("comb", "two slits"):
                rows.append(row(kind, photoelectrons, source, instrument, cells))
    return rows


if __name__ == "__main__":
    print(table(HEAD, figures(*map(int, sys.argv[1:2]))))
