"""The start of a recording laid over itself at its own clock, to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.event import BINS_PER_TICK
from acquisition.sketch import Sketch

Doubles = npt.NDArray[np.float64]

PART_PERIODS = 25
"""Scans or lines whose phase is measured together."""


@dataclass(frozen=True, slots=True)
class FoldedHead:
    """Samples of the start by their place in the scan or line, `(n,)` each.

    Attributes
    ----------
    number
        Scan or line of each sample, from the start.
    place
        Ticks since that one's start.
    counts
        The converter's offsets taken away.
    level
        Of the empty scan or line at that place, counts.
    """

    number: npt.NDArray[np.int64]
    place: Doubles
    counts: Doubles
    level: Doubles


def fold_head(sketch: Sketch) -> FoldedHead | None:
    """Fold the start at the first clock that was found; None if there is none, or none for these samples."""
    looks = [look for look in sketch.looks if look.epoch == sketch.head_epoch]
    if not looks or sketch.background is None or sketch.head.size == 0:
        return None
    clock = looks[0].clock
    ticks = sketch.head_tick + np.arange(sketch.head.size)
    turns = (ticks - clock.origin_tick) / clock.period_ticks
    number = np.floor(turns)
    place = (turns - number) * clock.period_ticks
    offsets = sketch.background.core_offsets[sketch.column].astype(np.float64)
    known = sketch.background.level[sketch.column].astype(np.float64)
    level = np.interp(place * BINS_PER_TICK - 0.5, np.arange(known.size), known)
    counts = sketch.head.astype(np.float64) - offsets[ticks % offsets.size]
    return FoldedHead((number - number[0]).astype(np.int64), place, counts, level)


def phases(folded: FoldedHead) -> tuple[Doubles, Doubles]:
    """Measure how late each part of the start is against its clock: middles in scans or lines, and ticks.

    By least squares of the difference to the background against its slope. Parts that a body dims are left out.
    """
    order = np.argsort(folded.place, kind="stable")
    slope = np.empty_like(folded.level)
    bins = np.round(folded.place * BINS_PER_TICK).astype(np.int64)
    by_bin = np.zeros(int(bins.max()) + 1)
    by_bin[bins[order]] = folded.level[order]
    slope[:] = np.gradient(by_bin, 1.0 / BINS_PER_TICK)[bins]
    part = folded.number // PART_PERIODS
    rest = folded.counts - folded.level
    energy = np.bincount(part, weights=slope**2)
    late = -np.bincount(part, weights=rest * slope) / np.maximum(energy, 1e-9)
    missed = np.sqrt(np.bincount(part, weights=rest**2) / np.maximum(np.bincount(part), 1))
    whole = np.bincount(part) > 0.9 * np.median(np.bincount(part))
    quiet = whole & (missed < 1.5 * np.quantile(missed, 0.2))
    middle = np.asarray((np.flatnonzero(quiet) + 0.5) * PART_PERIODS, dtype=np.float64)
    return middle, np.asarray(late[quiet], dtype=np.float64)
