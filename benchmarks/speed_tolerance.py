"""How much a wrong speed costs: volumes without noise, made with speeds that are off (specification A.7, table)."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from acquisition.event import Background, ClockState, Event
from benchmarks.page import ROOT, table
from benchmarks.smooth import SMOOTH, SmoothPhantom
from benchmarks.truth import correlation, ideal_images
from reconstruction.batch import blank_event
from reconstruction.light_sheet.mapping import SheetMapping
from reconstruction.motion import Motion
from simulator.arrivals import Arrival, arrivals
from simulator.cells.sample import parse_sample
from simulator.optics.light_sheet import LightSheetModel
from simulator.optics.settings import Clock, SheetDefects
from simulator.presets import setup_preset
from simulator.setup import Setup

KINDS = ("wbc", "skno1", "hek293t", "mcf7", SMOOTH)
CELLS, SEED = 6, 31
ERRORS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
"""Per cent."""
SPECIFIED = {0.0: 0.9914, 0.05: 0.990, 0.1: 0.987, 0.3: 0.953, 1.0: 0.73, 3.0: 0.21}
PICTURE = ROOT / "docs" / "speed-tolerance.png"
HEAD = ("speed error, %", *KINDS, "specification A.7")
PEAK_COUNTS = 20000.0


def perfect_setup() -> Setup:
    """Return sheet-real with perfect optics and clock, and cells on the axis."""
    setup = setup_preset("sheet-real")
    flow = setup.flow.model_copy(update={"debris_per_cell": 0.0, "doublets": 0.0, "speed_cv": 0.0, "speed_drift": 0.0})
    return setup.model_copy(update={"optics": SheetDefects(), "clock": Clock(), "flow": flow})


def perfect_event(setup: Setup, model: LightSheetModel, arrival: Arrival) -> Event:
    """Return the window of one cell without noise; its side scatter peaks at `PEAK_COUNTS`."""
    instrument = setup.instrument
    shadow = model.shadow(arrival)
    window_tick = shadow.first_tick - 600
    light = np.zeros((shadow.end_tick + 600 - window_tick, len(instrument.channels)), dtype=np.float32)
    shadow.lay(window_tick, light)
    side = light[:, 1]
    window = np.zeros(light.shape, dtype=np.int16)
    window[:, 1] = np.round(side * (PEAK_COUNTS / side.max()))
    blank = blank_event(instrument, instrument.sample_rate_hz / instrument.light_sheet.scan.rate_hz)
    bins = np.zeros((len(instrument.channels), 608), dtype=np.float32)
    level = Background(bins, blank.background.noise, blank.background.core_offsets)
    clock = ClockState(model.clock.period_ticks, model.clock.origin_tick)
    return replace(
        blank, window=window, window_tick=window_tick, trigger_tick=arrival.tick, clock=clock, background=level
    )


def correlations(kind: str) -> np.ndarray:
    """Correlation of volume and optics-blurred truth, `(cells, errors)`."""
    setup = perfect_setup()
    instrument, model = setup.instrument, LightSheetModel(perfect_setup(), SEED)
    mapping, scan = SheetMapping(instrument), instrument.light_sheet.scan
    phase = (np.arange(608) + 0.5) / 600 / scan.active_duty
    efficiency = np.maximum(1.0 - scan.efficiency_roll_off * (2 * phase - 1) ** 2, 0.05).astype(np.float32)
    n = instrument.grid.size_px
    volume = np.zeros((n, n, n), dtype=np.float32)
    rows = []
    rng = np.random.default_rng(SEED)
    for cell in islice(arrivals(setup, parse_sample("wbc" if kind == SMOOTH else kind), SEED), CELLS):
        arrival = replace(cell, specimen=SmoothPhantom.drawn(rng)) if kind == SMOOTH else cell
        event = perfect_event(setup, model, arrival)
        ideal = ideal_images(setup, arrival, arrival.tick)["side_scatter"]
        um_per_tick = arrival.speed_m_s * 1e6 / instrument.sample_rate_hz
        row = []
        for error in ERRORS:
            mapping.side(event, efficiency, 1, Motion(arrival.tick, um_per_tick * (1 + error / 100)), None, volume)
            row.append(correlation(volume, ideal))
        rows.append(row)
    return np.array(rows)


def picture(found: dict[str, np.ndarray], path: Path) -> None:
    """Draw the mean of each population beside the specification's table."""
    figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
    for kind, values in found.items():
        axes.plot(ERRORS, values.mean(axis=0), "-o", markersize=3.5, label=f"{kind} (simulated)")
    axes.plot(list(SPECIFIED), list(SPECIFIED.values()), "k--s", markersize=5, label="specification A.7")
    axes.axvspan(0.0, 0.2, color="0.9", zorder=0)
    axes.text(0.24, 0.06, "grey: to 0.2 %, the aim for the comb", color="0.35", fontsize=9)
    axes.set(xlim=(0.0, 3.05), ylim=(0.0, 1.02), xlabel="error of the speed, %")
    axes.set_ylabel("correlation with the optics-blurred truth")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def rows(found: dict[str, np.ndarray]) -> list[tuple[object, ...]]:
    """One row an error, beside the specification's table."""
    return [
        (f"{error:g}", *(f"{values[:, k].mean():.3f}" for values in found.values()), SPECIFIED.get(error, ""))
        for k, error in enumerate(ERRORS.tolist())
    ]


def figures() -> list[tuple[object, ...]]:
    """Mean correlations of every kind."""
    return rows({kind: correlations(kind) for kind in KINDS})


def main() -> None:
    """Print the table and draw the picture."""
    found = {kind: correlations(kind) for kind in KINDS}
    print(table(HEAD, rows(found)))
    picture(found, PICTURE)


if __name__ == "__main__":
    main()
