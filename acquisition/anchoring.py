"""Where in its period a clock starts to count: by the light of an empty period, and clear of the edges of bins."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquisition.clock import PhaseLoop
from acquisition.event import BINS_PER_TICK
from acquisition.settings import DetectionSettings
from acquisition.templates import Flags, Floats


def active_phases(level: Floats, share: float, edge_bins: int) -> Flags:
    """Return the phases `(n_bins,)` that carry light: where the level, above its dark end, passes a share of its top.

    Those within `edge_bins` of a dark one are left out.
    """
    bright = level - np.quantile(level, 0.02)
    lit = bright > share * bright.max()
    inner = lit.copy()
    for shift in range(1, edge_bins + 1):
        inner &= np.roll(lit, shift) & np.roll(lit, -shift)
    return np.asarray(inner)


def anchor_shift(level: Floats, period_ticks: float, settings: DetectionSettings) -> float:
    """Return how far, in ticks, the clock has to turn for the light to stand at the anchor's phase."""
    within = math.floor(period_ticks) * BINS_PER_TICK
    level = level[:within]
    bright = (level - np.quantile(level, 0.02)).astype(np.float64)
    if settings.anchor_is_edge:
        edge = _rising_edge(bright / max(bright.max(), 1e-9)) / BINS_PER_TICK
        return edge - settings.anchor * period_ticks
    lit = np.where(active_phases(level, settings.active_share, settings.edge_bins), bright, 0.0)
    angle = 2 * np.pi * (np.arange(within) + 0.5) / BINS_PER_TICK / period_ticks
    phase = float(np.angle(np.sum(lit * np.exp(1j * angle))) / (2 * np.pi))
    return (phase - settings.anchor) * period_ticks


def clear_of_edges(n_samples: int, clock: PhaseLoop) -> float:
    """Return the shift of the origin, ticks, that keeps samples away from the edges of the bins.

    Where the period is a simple ratio of the sample clock, all samples meet the bins at the same few places; jitter
    must not carry them over an edge.
    """
    places = 32
    n_periods = int(n_samples / clock.period_ticks)
    begins = clock.origin_tick + np.arange(n_periods) * clock.period_ticks
    turns = (np.ceil(begins) - begins) * BINS_PER_TICK
    taken = np.bincount((turns % 1.0 * places).astype(np.intp) % places, minlength=places) > 0
    if taken.all():
        return 0.0
    free = np.concatenate([~taken, ~taken]).astype(np.intp)
    run = np.zeros(2 * places, dtype=np.intp)
    for k in range(2 * places):
        run[k] = (run[k - 1] + 1) * free[k] if k else free[k]
    last = int(np.argmax(run))
    middle = (last - run[last] / 2 + 0.5 + 0.5) / places % 1.0
    return float((middle if middle <= 0.5 else middle - 1.0) / BINS_PER_TICK)


def _rising_edge(level: npt.NDArray[np.float64]) -> float:
    """Bin, fractional, at which a folded level of height 1 crosses one half after its longest dark stretch."""
    n = level.size
    dark = level < 0.5
    if not dark.any() or dark.all():
        return 0.0
    start = int(np.flatnonzero(~dark)[0])
    length, longest, edge = 0, 0, 0
    for k in range(1, n + 1):
        b = (start + k) % n
        length = length + 1 if dark[b] else 0
        if length > longest:
            longest, edge = length, (b + 1) % n
    before = level[edge - 1]
    share = (0.5 - before) / max(level[edge] - before, 1e-9)
    return float(edge - 0.5 + share)
