"""Which pictures a time-stretch instrument takes: one of every view in its lines (specification B.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.event import BINS_PER_TICK
from acquisition.instrument import Instrument, Role, TimeStretch

DARK_BEYOND = 0.75
"""Widths of a view from its middle: pulses reach beyond their nominal width, but not so far."""


@dataclass(frozen=True, slots=True)
class ViewPlace:
    """One view: where its light lies in the lines.

    Attributes
    ----------
    name
        Of its images.
    column
        Of the window that carries it.
    delay_samples
        From the middle of the first view, which lies at one half of the clock's period, to the middle of this one.
    reach_samples
        What lies farther from the middle of the view belongs to another one, or to another line.
    """

    name: str
    column: int
    delay_samples: float
    reach_samples: float


def views_of(instrument: Instrument) -> tuple[ViewPlace, ...]:
    """Return every view of an instrument, the first one first.

    The image of a channel with one view has the channel's name. With several, images have the names of the views,
    after the channel's where there are several channels: `brightfield`, or `left_brightfield`.

    Raises
    ------
    ConfigError
        If the instrument is no time stretch, or two of its views have one name.
    """
    optics = instrument.time_stretch
    period = instrument.sample_rate_hz / optics.line_rate_hz
    delays = [view.delay_samples for view in optics.views]
    columns = instrument.columns(Role.LINE)
    places = []
    for column in columns:
        channel = instrument.channels[column].name
        for k, (view, delay) in enumerate(zip(optics.views, delays, strict=True)):
            others = [_apart(delay - other, period) for i, other in enumerate(delays) if i != k]
            name = channel if not others else view.name if len(columns) == 1 else f"{channel}_{view.name}"
            places.append(ViewPlace(name, column, delay, 0.5 * min([period, *others])))
    twice = {place.name for place in places if sum(place.name == other.name for other in places) > 1}
    if twice:
        raise ConfigError(
            f"The instrument '{instrument.name}' has several views named '{min(twice)}': give each a name of its own."
        )
    return tuple(places)


@numba.njit(cache=True, nogil=True)
def dark_level(level: npt.NDArray[np.float32], dark: npt.NDArray[np.bool_]) -> float:
    """Return what the converter reads where a line has no light, counts.

    Its offset, and what a coupling without direct current takes away, would otherwise count as light that no cell
    takes: contrasts would be too weak or too strong by its share of the light.

    Parameters
    ----------
    level
        `(n_bins,)` float32, counts, see `acquisition.event.Background`.
    dark
        `dark_bins` of the instrument and of its period.

    Returns
    -------
    float
        Mean of the middle half of the dark phases, which leaves out what swings behind a pulse; 0 if none are dark.
    """
    levels, n = np.empty(level.shape[0], np.float32), 0
    for b in range(min(level.shape[0], dark.shape[0])):
        levels[n] = level[b]
        n += dark[b]
    levels = np.sort(levels[:n])
    quarter = n // 4
    total = 0.0
    for k in range(quarter, n - quarter):
        total += levels[k]
    return total / (n - 2 * quarter) if n > 0 else 0.0


def dark_bins(optics: TimeStretch, period_ticks: float) -> npt.NDArray[np.bool_]:
    """Return which bins of a background no view reaches, where lines have this period."""
    n_bins = int(period_ticks * BINS_PER_TICK)
    phase = np.arange(n_bins) + 0.5 - 0.5 * n_bins
    dark = np.ones(n_bins, dtype=np.bool_)
    for view in optics.views:
        away = np.abs((phase - view.delay_samples * BINS_PER_TICK + 0.5 * n_bins) % n_bins - 0.5 * n_bins)
        dark &= away > DARK_BEYOND * view.width_samples * BINS_PER_TICK
    return dark


def _apart(samples: float, period: float) -> float:
    """How far two places in a line are from each other, the shorter way round."""
    around = samples % period
    return min(around, period - around)
