"""Kernels that find pulses in a trace without scans or lines, sample after sample, and measure them."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.copying import copy_row
from acquisition.folding import Doubles, Floats

Ticks = npt.NDArray[np.int64]

HISTORY = 512
"""Quiet samples that a baseline is the median of: it is known to 1.25 sigma / sqrt(512), 6 % of the noise."""
STRIDE = 8
"""Every so many quiet samples one enters the history, which thus spans 4,096 of them at an eighth of the work."""
SIGMA_PER_MAD = 1.4826
"""Of a normal distribution."""

# Places in the array of counters that the search carries from one piece of the trace to the next.
START, LAST, QUIET, WAITING, SHORT = range(5)
N_COUNTERS = 5


class Search(NamedTuple):
    """What the search is told: see `PulseSettings`.

    `polarity` is +1 or -1, `follow` whether baseline and noise are measured, `bridge` how many samples below
    the lower threshold end a pulse.
    """

    column: int
    polarity: float
    on_sigmas: float
    off_sigmas: float
    shortest: int
    longest: int
    bridge: int
    follow: bool


@numba.njit(cache=True, nogil=True)
def median_and_sigma(values: Floats, least_sigma: float) -> tuple[float, float]:
    """Return the median of `(n,)` values and 1.4826 times the median of the absolute deviations from it."""
    middle = np.median(values)
    return float(middle), max(SIGMA_PER_MAD * float(np.median(np.abs(values - middle))), least_sigma)


@numba.njit(cache=True, nogil=True)
def find_pulses(
    samples: Floats,
    first_tick: int,
    search: Search,
    least_sigma: float,
    counters: Ticks,
    history: Floats,
    levels: Doubles,
    sigma: Doubles,
    found: Ticks,
    found_levels: Doubles,
) -> int:
    """Find the pulses that end within these samples; what is open stays in `counters`.

    A pulse begins where the trace passes `on_sigmas` above the baseline and ends after the last sample beyond
    `off_sigmas`, once `bridge` more have stayed below it. One that reaches `longest` ends there, and the next begins
    only when the trace has been below the lower threshold; a trace that stays high for a whole history has a new
    baseline. Outside of pulses, one of `STRIDE` samples enters the
    history; each time it is full the baselines of all channels and the noise are its median and MAD.

    Parameters
    ----------
    samples
        `(n, n_channels)`, the sample after those of the call before first.
    counters, history, levels, sigma
        State: `(N_COUNTERS,)`, `(n_channels, HISTORY)`, baselines `(n_channels,)` and noise `(n_channels,)`.
    found, found_levels
        Room for `(m, 3)` first tick, tick after the last, and 1 if cut at `longest`; and for `(m, 2 * n_channels)`
        baselines and noise as they stood when the pulse began.

    Returns
    -------
    int
        Pulses found.
    """
    n_channels = samples.shape[1]
    count = 0
    for i in range(samples.shape[0]):
        tick = first_tick + i
        value = search.polarity * (samples[i, search.column] - levels[search.column])
        noise = sigma[search.column]
        above = value > search.off_sigmas * noise
        if counters[START] >= 0:
            if above:
                counters[LAST] = tick
            cut = above and tick + 1 - counters[START] >= search.longest
            if cut or tick - counters[LAST] >= search.bridge:
                if counters[LAST] + 1 - counters[START] >= search.shortest:
                    found[count, 0] = counters[START]
                    found[count, 1] = counters[LAST] + 1
                    found[count, 2] = cut
                    copy_row(levels, found_levels[count])
                    copy_row(sigma, found_levels[count, n_channels:])
                    count += 1
                else:
                    counters[SHORT] += 1
                counters[START] = -1
                counters[WAITING] = cut
                if cut:
                    counters[QUIET] = 0
            continue
        if counters[WAITING] and not above:
            counters[WAITING] = 0
            counters[QUIET] = 0
        if not counters[WAITING] and value > search.on_sigmas * noise:
            counters[START] = tick
            counters[LAST] = tick
            continue
        if not search.follow:
            continue
        if counters[QUIET] % STRIDE == 0:
            place = counters[QUIET] // STRIDE
            for c in range(n_channels):
                history[c, place] = samples[i, c]
        counters[QUIET] += 1
        if counters[QUIET] == HISTORY * STRIDE:
            counters[QUIET] = 0
            for c in range(n_channels):
                levels[c], sigma[c] = median_and_sigma(history[c], least_sigma)
    return count


@numba.njit(cache=True, nogil=True)
def measure_pulse(heights: Floats, least_valley: float) -> tuple[float, float, float, float, int]:
    """Measure one channel of one pulse.

    Parameters
    ----------
    heights
        `(n,)` samples above the baseline, upwards.
    least_valley
        Two maxima count as two where the trace falls by so much between them and rises as much again.

    Returns
    -------
    tuple
        Area (sum), height (maximum), full width at half maximum in samples (from the first to the last crossing,
        interpolated), centre of mass after the first sample, and number of maxima.
    """
    area = 0.0
    moment = 0.0
    top = heights[0]
    positive = 0.0
    for i in range(heights.shape[0]):
        area += heights[i]
        weight = max(heights[i], np.float32(0.0))
        positive += weight
        moment += weight * i
        top = max(top, heights[i])
    centre = moment / positive if positive > 0.0 else 0.5 * (heights.shape[0] - 1)
    return area, top, _half_width(heights, 0.5 * top), centre, _maxima(heights, least_valley)


@numba.njit(cache=True, nogil=True)
def _half_width(heights: Floats, half: float) -> float:
    if half <= 0.0:
        return 0.0
    first = 0
    while heights[first] < half:
        first += 1
    last = heights.shape[0] - 1
    while heights[last] < half:
        last -= 1
    left = float(first)
    if first > 0:
        left -= (heights[first] - half) / (heights[first] - heights[first - 1])
    right = float(last)
    if last < heights.shape[0] - 1:
        right += (heights[last] - half) / (heights[last] - heights[last + 1])
    return right - left


@numba.njit(cache=True, nogil=True)
def _maxima(heights: Floats, least_valley: float) -> int:
    count = 1
    falling = False
    extreme = np.float32(0.0)
    for i in range(heights.shape[0]):
        # An amplifier that swings below the baseline and comes back has not seen a second particle.
        value = max(heights[i], np.float32(0.0))
        if falling:
            extreme = min(extreme, value)
            if value > extreme + least_valley:
                count += 1
                falling = False
                extreme = value
        else:
            extreme = max(extreme, value)
            if value < extreme - least_valley:
                falling = True
                extreme = value
    return count


@numba.njit(cache=True, nogil=True)
def measure_window(
    window: Floats, levels: Doubles, search: Search, valley: float, ends: tuple[float, float]
) -> tuple[Doubles, bool]:
    """Measure every channel of one pulse.

    Parameters
    ----------
    window
        `(n, n_channels)` samples, margins included.
    levels
        `(2 * n_channels,)` baselines and noise.
    valley
        Least fall between two maxima, as a share of the height; it is at least `on_sigmas` too.
    ends
        Lowest and highest value that the converter gives.

    Returns
    -------
    tuple
        `(n_channels, 5)` figures of `measure_pulse`, and whether a sample is at an end of the range.
    """
    n_channels = window.shape[1]
    figures = np.empty((n_channels, 5))
    heights = np.empty(window.shape[0], np.float32)
    saturated = False
    for c in range(n_channels):
        top = 0.0
        for i in range(window.shape[0]):
            saturated |= window[i, c] <= ends[0] or window[i, c] >= ends[1]
            heights[i] = search.polarity * (window[i, c] - levels[c])
            top = max(top, heights[i])
        least = max(valley * top, search.on_sigmas * levels[n_channels + c])
        area, height, width, centre, maxima = measure_pulse(heights, least)
        figures[c, 0] = area
        figures[c, 1] = height
        figures[c, 2] = width
        figures[c, 3] = centre
        figures[c, 4] = maxima
    return figures, saturated
