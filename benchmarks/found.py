"""How many of the simulated cells detection finds, and what it finds besides: efficiency, overlaps, false triggers."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import combinations

import numpy as np

from acquisition.event import EventFlag
from acquisition.instrument import Instrument
from acquisition.source import open_source
from service.cli.collect import events_of
from service.runs.truth import TOLERANCE_UM

SMALLEST_UM = 5.0
ATOP = 0.5
"""Cells nearer to each other in the picture than this share of their mean diameter lie on top of each other.

Transmission shows them as one; only the simulation sets them there, as no two cells can be in one place."""


@dataclass(frozen=True)
class Found:
    """What became of the true cells of a stream; cells are those of 5 um and more.

    Attributes
    ----------
    isolated, isolated_found, isolated_flagged
        Cells that are alone in their window, those with an event, and those whose trigger is wrongly said
        to hold several bodies; doublets, which are several cells, and cells with debris near them are not among these.
    overlapping, overlapping_flagged
        Cells whose window holds another cell, and those whose event says so; without cells on top of each other.
    together, together_flagged
        Triggers that hold several cells, none of which lies on top of another, and those that say so.
    atop, atop_flagged
        Triggers in which cells lie on top of each other, and those that say so.
    events, false
        Events, and those with nothing at all near them.
    """

    isolated: int
    isolated_found: int
    isolated_flagged: int
    overlapping: int
    overlapping_flagged: int
    together: int
    together_flagged: int
    atop: int
    atop_flagged: int
    events: int
    false: int


def found_in(url: str) -> Found:
    """Walk a simulated stream to its events and compare them with the truth."""
    with open_source(url) as source:
        instrument = source.instrument
        places = [(e.trigger_tick, e.duration_ticks, e.flags, e.bodies) for e in events_of(source)]
        truth = {name: np.asarray(column) for name, column in (source.truth() or {}).items()}
    per_um = instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6)
    ticks, sizes = truth["tick"], truth["diameter_um"]
    large = np.flatnonzero(sizes >= SMALLEST_UM)
    event_ticks, durations, flags, bodies = (np.array(column) for column in zip(*places, strict=True))
    overlap = (flags & EventFlag.OVERLAP) > 0
    distances = np.abs(event_ticks[:, None] - ticks[None, :])
    near = distances <= durations[:, None] / 2 + TOLERANCE_UM * per_um
    inside = distances <= durations[:, None] / 2
    reach = _reach_um(instrument, sizes[large]) * per_um
    alone = np.array([np.sum(np.abs(ticks[large] - ticks[k]) < reach) == 1 for k in large])
    seen = near[:, large].any(axis=0)
    flagged = (near[:, large] & overlap[:, None]).any(axis=0)
    several = bodies > 1
    # Debris in the same trigger is a second body, and debris in the same window overlaps.
    wrongly = (inside[:, large] & (several & (near.sum(axis=1) == 1))[:, None]).any(axis=0)
    single = truth["kind"][large] != b"doublet"
    nearest = np.array([_nearest(truth, large[row], per_um, instrument) for row in inside[:, large]])
    together, atop = nearest >= ATOP, nearest < ATOP
    beside = ~alone & ~(inside[:, large] & atop[:, None]).any(axis=0)
    return Found(
        isolated=int(alone.sum()),
        isolated_found=int((alone & seen).sum()),
        isolated_flagged=int((alone & single & wrongly).sum()),
        overlapping=int(beside.sum()),
        overlapping_flagged=int((beside & flagged).sum()),
        together=int((together & np.isfinite(nearest)).sum()),
        together_flagged=int((together & np.isfinite(nearest) & several).sum()),
        atop=int(atop.sum()),
        atop_flagged=int((atop & several).sum()),
        events=len(places),
        false=int((~near.any(axis=1)).sum()),
    )


def _nearest(truth: dict[str, np.ndarray], cells: np.ndarray, per_um: float, instrument: Instrument) -> float:
    """Least distance in the picture of two of these cells, in their mean diameters; infinite for fewer than two."""
    across = truth["z_um" if instrument.kind == "light_sheet" else "x_um"]
    pairs = [
        2 * float(np.hypot((truth["tick"][a] - truth["tick"][b]) / per_um, across[a] - across[b]))
        / float(truth["diameter_um"][a] + truth["diameter_um"][b])
        for a, b in combinations(cells, 2)
    ]  # fmt: skip
    return min(pairs, default=np.inf)


def _reach_um(instrument: Instrument, sizes_um: np.ndarray) -> np.ndarray:
    """How near to a cell others must come along the flow to be seen with it: in the train of pinholes, or its image."""
    if instrument.kind != "light_sheet":
        return instrument.grid.field_um / 2 + sizes_um / 2
    optics = instrument.light_sheet
    return np.full(sizes_um.size, optics.mask.y_um[-1] - optics.mask.y_um[0] + instrument.grid.field_um)


RUNS = (
    "sim:sheet-real?rate=50&seconds=4",
    "sim:sheet-real?rate=200&seconds=1.5",
    "sim:sheet-real?rate=500&seconds=0.8",
    "sim:stretch-ci?rate=30&seconds=3",
    "sim:stretch-ci?rate=500&seconds=1",
    "sim:sheet-ci?seconds=10",
)
HEAD = (
    "simulated",
    "cells alone",
    "of them found",
    "of them taken for several",
    "cells that overlap",
    "of them flagged",
    "triggers with several cells",
    "of them flagged",
    "triggers with cells atop each other",
    "of them flagged",
    "events",
    "of nothing",
)


def figures() -> list[tuple[object, ...]]:
    """One row a stream, for docs/measurements.md."""
    rows: list[tuple[object, ...]] = []
    for url in RUNS:
        found = found_in(f"{url}&seed=5&threads=all")
        rows.append((url, *astuple(found)))
    return rows


if __name__ == "__main__":
    print(" | ".join(HEAD))
    for row in figures():
        print(*row, sep=" | ")
