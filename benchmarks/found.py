"""How many of the simulated cells detection finds, and what it finds besides: efficiency, overlaps, false triggers."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from acquisition.event import EventFlag
from acquisition.instrument import Instrument
from acquisition.source import open_source
from service.cli.collect import events_of
from service.truth import TOLERANCE_UM

SMALLEST_UM = 5.0


@dataclass(frozen=True)
class Found:
    """What became of the true cells of a stream.

    Attributes
    ----------
    isolated, isolated_found
        Cells of 5 um and more that are alone in their window, and those with an event.
    overlapping, overlapping_flagged
        Cells whose window holds another cell of 5 um and more, and those whose event says so.
    events, false
        Events, and those with nothing at all near them.
    """

    isolated: int
    isolated_found: int
    overlapping: int
    overlapping_flagged: int
    events: int
    false: int


def found_in(url: str) -> Found:
    """Walk a simulated stream to its events and compare them with the truth."""
    with open_source(url) as source:
        instrument = source.instrument
        places = [(e.trigger_tick, e.duration_ticks, bool(e.flags & EventFlag.OVERLAP)) for e in events_of(source)]
        truth = {name: np.asarray(column) for name, column in (source.truth() or {}).items()}
    per_um = instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6)
    ticks, sizes = truth["tick"], truth["diameter_um"]
    window = _window_um(instrument) * per_um
    large = np.flatnonzero(sizes >= SMALLEST_UM)
    event_ticks, durations, overlap = (np.array(column) for column in zip(*places, strict=True))
    near = np.abs(event_ticks[:, None] - ticks[None, :]) <= durations[:, None] / 2 + TOLERANCE_UM * per_um
    alone = np.array([np.sum(np.abs(ticks[large] - ticks[k]) < window) == 1 for k in large])
    seen = near[:, large].any(axis=0)
    flagged = (near[:, large] & overlap.astype(bool)[:, None]).any(axis=0)
    return Found(
        isolated=int(alone.sum()),
        isolated_found=int((alone & seen).sum()),
        overlapping=int((~alone).sum()),
        overlapping_flagged=int((~alone & flagged).sum()),
        events=len(places),
        false=int((~near.any(axis=1)).sum()),
    )


def _window_um(instrument: Instrument) -> float:
    """How far apart two cells must be along the flow to be alone: the train of pinholes, or two cells' own length."""
    if instrument.kind != "light_sheet":
        return 2.0 * instrument.grid.field_um
    optics = instrument.light_sheet
    return optics.mask.y_um[-1] - optics.mask.y_um[0] + instrument.grid.field_um


RUNS = (
    "sim:sheet-real?rate=50&seconds=4",
    "sim:sheet-real?rate=200&seconds=1.5",
    "sim:sheet-real?rate=500&seconds=0.8",
    "sim:stretch-ci?rate=30&seconds=3",
    "sim:sheet-ci?seconds=10",
)
HEAD = ("simulated", "cells alone", "of them found", "cells that overlap", "of them flagged", "events", "of nothing")


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
