"""The samples of a time stretch as a lattice: what share each sample about a place has in the light there.

Lines follow each other so closely, and each begins at so different a phase, that samples lie on a slanted lattice much
finer than the samples of one line. Relative to it a pixel has one of few places: between two lines (`LINE_PLACES`),
and between two samples (`SAMPLE_PLACES`). For each of them shares are worked out once.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.event import BINS_PER_TICK
from acquisition.instrument import Instrument
from reconstruction.kriging import Doubles
from reconstruction.lanes import LANES
from reconstruction.light_sheet.blur import brightfield_blur_um
from reconstruction.motion import FloatImage
from reconstruction.time_stretch.modes import LineMode

LINE_PLACES = 8
"""Places of a pixel between two lines."""
SAMPLE_PLACES = 16
"""Places of a pixel between two samples of a line."""
NOISES = 8
"""Tables for samples with ever more noise, twice as much each: light fades towards the ends of a line."""
LEAST_NOISE = 2.0**-5
"""Standard deviation of the noise in the first of them, against the light that cells take away or add."""
REACH = 0.8
"""Lines count for a pixel up to so many blurs to either side."""

Longs = npt.NDArray[np.int64]


class Spacing(NamedTuple):
    """How far apart things are: samples per line; um between samples, lines, and pixels; and the optics' blur, um."""

    period: float
    sample_um: float
    line_um: float
    pixel_um: float
    blur_um: float


class Lattice(NamedTuple):
    """Shares of samples in the light at a place.

    Attributes
    ----------
    first
        `(SAMPLE_PLACES, lines)`: first of the `LANES` samples of each line, counted from the last sample before the
        place in the last line before it. Their number is even.
    shares
        Flat, `(NOISES, LINE_PLACES, SAMPLE_PLACES, lines, LANES)` float32.
    """

    first: Longs
    shares: FloatImage


def spacing_of(instrument: Instrument, period: float) -> Spacing:
    """Return the distances of an instrument whose lines have so many samples.

    Raises
    ------
    ConfigError
        If it is no time stretch.
    """
    return Spacing(
        period,
        instrument.time_stretch.um_per_sample,
        instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz * period,
        instrument.grid.pixel_um,
        brightfield_blur_um(instrument),
    )


@lru_cache(maxsize=8)
def new_lattice(mode: LineMode, spacing: Spacing) -> Lattice:
    """Work out the shares of `full` or `line_interleave`.

    Source of `full`: kriging, see `reconstruction.kriging`; light at two places has the covariance of the optics' point
    spread with itself.
    """
    k = _lines_about(mode, spacing)
    f = (np.arange(SAMPLE_PLACES) + 0.5) / SAMPLE_PLACES
    place = f[:, None] + k * spacing.period
    first = np.floor(place).astype(np.int64) - (LANES // 2 - 1)
    x = (first[:, :, None] + np.arange(LANES) - place[:, :, None]) * spacing.sample_um
    g = (np.arange(LINE_PLACES) + 0.5) / LINE_PLACES
    y = (k - g[:, None]) * spacing.line_um
    shape = (NOISES, LINE_PLACES, SAMPLE_PLACES, k.size, LANES)
    make = _kriged if mode is LineMode.FULL else _interleaved
    shares = np.broadcast_to(make(x, y, spacing), shape)
    return Lattice(first, np.ascontiguousarray(shares, dtype=np.float32).reshape(-1))


@numba.njit(cache=True, nogil=True)
def noise_tables(noise: float, inverse: FloatImage, places: Doubles, period: float) -> Longs:
    """Return which table is for the samples of each column, `(x,)`; -1 where a line is too dark for an image.

    Parameters
    ----------
    noise
        Standard deviation of a sample, in counts, against the light of cells.
    inverse
        See `reconstruction.time_stretch.light.EmptyLine`.
    places
        `(x,)` columns, in samples from the start of a line by the clock, and beyond its ends.
    period
        Samples of a line.
    """
    tables = np.full(places.shape[0], NOISES - 1)
    for c in range(places.shape[0]):
        tick = places[c] % period
        relative = noise * inverse[int(tick * BINS_PER_TICK) % BINS_PER_TICK, int(tick)]
        if math.isnan(relative):
            tables[c] = -1
        elif relative < LEAST_NOISE:
            tables[c] = 0
        elif relative < LEAST_NOISE * 2.0 ** (NOISES - 1):
            tables[c] = int(math.log2(relative / LEAST_NOISE) + 0.5)
    return tables


def _lines_about(mode: LineMode, spacing: Spacing) -> Doubles:
    """Return the lines that a pixel is made of, counted from the last one before it."""
    if mode is LineMode.FULL:
        half = max(1, math.ceil(REACH * spacing.blur_um / spacing.line_um))
    else:
        half = math.ceil((_lines_in_row(spacing) + 1) / 2)
    return np.arange(1 - half, half + 1, dtype=np.float64)


def _lines_in_row(spacing: Spacing) -> int:
    return max(2, round(spacing.pixel_um / spacing.line_um))


def _kriged(x: Doubles, y: Doubles, spacing: Spacing) -> Doubles:
    """Return the best linear estimate's shares of samples at `x` `(places, lines, LANES)` and `y` `(places, lines)`."""
    spread = 2.0 * spacing.blur_um
    noises = (LEAST_NOISE * 2.0 ** np.arange(NOISES)) ** 2
    shares = np.empty((NOISES, y.shape[0], *x.shape))
    for f in range(x.shape[0]):
        xs, ys = x[f].ravel(), np.repeat(y[0], x.shape[2])
        apart = (xs[:, None] - xs) ** 2 + (ys[:, None] - ys) ** 2
        # Noise only adds to the eigenvalues, so that all tables have the same vectors.
        values, vectors = np.linalg.eigh(np.exp(-apart / spread**2))
        for g in range(y.shape[0]):
            towards = np.exp(-(xs**2 + np.repeat(y[g], x.shape[2]) ** 2) / spread**2)
            part = (vectors.T @ towards) / (np.maximum(values, 0.0) + noises[:, None])
            weights = part @ vectors.T
            weights /= weights.sum(axis=1, keepdims=True)
            shares[:, g, f] = weights.reshape(NOISES, *x.shape[1:])
    return shares


def _interleaved(x: Doubles, y: Doubles, spacing: Spacing) -> Doubles:
    """Return the shares of the two samples next to a place, among those of the lines of a row sorted by `x`."""
    shares = np.zeros((y.shape[0], *x.shape))
    count = _lines_in_row(spacing)
    for g in range(y.shape[0]):
        taken = np.argsort(np.abs(y[g]))[:count]
        for f in range(x.shape[0]):
            inside = np.zeros(x.shape[1:], dtype=np.bool_)
            inside[taken] = True
            xs = np.where(inside, x[f], np.nan)
            low = np.unravel_index(np.nanargmax(np.where(xs <= 0, xs, -np.inf)), xs.shape)
            high = np.unravel_index(np.nanargmin(np.where(xs > 0, xs, np.inf)), xs.shape)
            towards = -xs[low] / (xs[high] - xs[low])
            shares[g, f][low], shares[g, f][high] = 1.0 - towards, towards
    return shares
