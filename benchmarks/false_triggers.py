"""How often detection takes noise for a cell: simulated streams through which nothing flows."""

from __future__ import annotations

from acquisition.detection import detector_for
from acquisition.instrument import Instrument
from acquisition.source import blocks, open_source
from benchmarks.bead_pulses import upper_bound

# Poisson arrivals at so low a rate bring no cell; a rate of nothing is refused, and debris comes with cells.
NOTHING = "rate=1e-6&flow.debris_per_cell=0&loop=none&threads=all"
RUNS = {"sheet-ci": 250.0, "sheet-real": 2.0, "stretch-ci": 25.0, "atom-real": 0.07}
"""Preset and seconds of its stream: thirty thousand windows for either kind of instrument, as none in so many proves
less than 1 in 10,000 at 95 %."""
HEAD = ("simulated, nothing flows", "seconds", "windows", "cells in it", "false triggers", "a window, below (95 %)")


def window_s(instrument: Instrument) -> float:
    """How long the window of one cell is: the train of pinholes and a field of view, or a field of view."""
    length_um = instrument.grid.field_um
    if instrument.kind == "light_sheet":
        mask = instrument.light_sheet.mask
        length_um += mask.y_um[-1] - mask.y_um[0]
    return length_um * 1e-6 / instrument.flow_speed_m_s


def triggers_in(url: str) -> tuple[int, int, int]:
    """Return windows, true cells and events of a stream, those at its ends among them."""
    samples = events = 0
    with open_source(url) as source:
        instrument = source.instrument
        detector = detector_for(instrument)
        for block in blocks(source):
            samples += block.n_samples
            events += len(detector.push(block))
        events += len(detector.flush())
        truth = source.truth()
        cells = 0 if truth is None else len(truth["cell"])
    return int(samples / instrument.sample_rate_hz / window_s(instrument)), cells, events


def figures(seed: int = 1) -> list[tuple[object, ...]]:
    """One row a preset, for docs/measurements.md."""
    rows: list[tuple[object, ...]] = []
    for preset, seconds in RUNS.items():
        windows, cells, events = triggers_in(f"sim:{preset}?seconds={seconds:g}&seed={seed}&{NOTHING}")
        rows.append((preset, f"{seconds:g}", windows, cells, events, f"{upper_bound(events, windows):.1e}"))
    return rows


if __name__ == "__main__":
    print(" | ".join(HEAD))
    for row in figures():
        print(*row, sep=" | ")
