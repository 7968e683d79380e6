"""Kernels of the light sheet: scan by scan, pinhole by pinhole, they touch no sample that a cell does not reach."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Stretch(NamedTuple):
    """Samples of one channel on the scan clock.

    Attributes
    ----------
    first_tick
        Tick of the first sample.
    delay_ticks
        How late the channel's electronics are: a sample shows what was there so long before.
    first_scan, starts
        Number of the first scan that they touch, and `(k + 1,)` ticks at which each scan begins and the last ends.
    period_ticks
        Of the clock when it does not slip.
    """

    first_tick: int
    delay_ticks: float
    first_scan: int
    starts: Doubles
    period_ticks: float


class Sweep(NamedTuple):
    """How the sheet moves, and how bright it is: the fields of `Scan`, and of `SheetDefects` between two scans."""

    duty: float
    height_um: float
    a2: float
    a3: float
    triangle: bool
    roll_off: float
    between: float
    mixes: bool


class Transit(NamedTuple):
    """A cell on its way: when it passes y = 0, its speed, where it stands in the scan, and how far it reaches."""

    tick: float
    um_per_tick: float
    z_um: float
    reach_um: float
    pixel_um: float


@numba.njit(cache=True, nogil=True, inline="always")
def height_um(sweep: Sweep, scan: int, u: float) -> float:
    """Height of the sheet in a scan (specification A.4), also a little before (u < 0) and after it (u > 1)."""
    w = 0.5 - u if sweep.triangle and scan % 2 != 0 else u - 0.5
    return sweep.height_um * (w + sweep.a2 * w * w + sweep.a3 * w * w * w)


@numba.njit(cache=True, nogil=True, inline="always")
def efficiency(sweep: Sweep, u: float) -> float:
    """Diffraction efficiency of the deflector (specification A.5)."""
    return max(0.0, 1.0 - sweep.roll_off * (2.0 * u - 1.0) ** 2)


@numba.njit(cache=True, nogil=True, inline="always")
def flyback(sweep: Sweep, phase: float) -> tuple[float, float, float, float]:
    """Light of both chirps in the dead time: place u and brightness of the old one, then of the new one.

    The new chirp fills the beam at the speed of sound, so their shares ramp linearly (specification A.5). What is left
    of the old one goes on along the scan at half its speed, since half of each step is lost at the edge that moves;
    so does the new one up to where the scan begins [derived from the chirp's mean frequency over its share].
    """
    dead = 1.0 - sweep.duty
    share = (phase - sweep.duty) / dead
    old = 1.0 + 0.5 * share * dead / sweep.duty
    new = -0.5 * (1.0 - share) * dead / sweep.duty
    bright_old = sweep.between * (1.0 - share) * efficiency(sweep, old)
    bright_new = sweep.between * share * efficiency(sweep, new)
    return old, bright_old, new, bright_new


@numba.njit(cache=True, nogil=True, inline="always")
def _length_ticks(stretch: Stretch, k: int) -> float:
    """Length of a scan: with jitter the sheet runs a little faster or slower, at a slip it breaks off or waits."""
    length = stretch.starts[k + 1] - stretch.starts[k]
    slipped = abs(length - stretch.period_ticks) > 0.05 * stretch.period_ticks
    return stretch.period_ticks if slipped else length


@numba.njit(cache=True, nogil=True, inline="always")
def _first_sample(stretch: Stretch, tick: float) -> int:
    """First sample that shows what was there at `tick` or later; the same whatever piece of the stream is looked at."""
    return math.ceil(tick + stretch.delay_ticks) - stretch.first_tick


@numba.njit(cache=True, nogil=True, inline="always")
def _look_up(image: Floats, row: float, col: float, outside: float) -> float:
    """Bilinear value of an image `(rows, cols)` at a fractional pixel."""
    i, j = math.floor(row), math.floor(col)
    if i < 0 or j < 0 or i + 1 >= image.shape[0] or j + 1 >= image.shape[1]:
        return outside
    p, q = row - i, col - j
    upper = (1.0 - q) * image[i, j] + q * image[i, j + 1]
    lower = (1.0 - q) * image[i + 1, j] + q * image[i + 1, j + 1]
    return float((1.0 - p) * upper + p * lower)


@numba.njit(cache=True, nogil=True)
def fill_light(light: Floats, channel: int, stretch: Stretch, profile: Floats) -> None:
    """Fill one channel of `(n, channels)` with its `(bins,)` profile of an empty scan."""
    n_bins = profile.shape[0]
    for k in range(stretch.starts.shape[0] - 1):
        start = stretch.starts[k]
        begin = max(0, _first_sample(stretch, start))
        end = min(light.shape[0], _first_sample(stretch, stretch.starts[k + 1]))
        scale = n_bins / _length_ticks(stretch, k)
        for m in range(begin, end):
            b = int((stretch.first_tick + m - stretch.delay_ticks - start) * scale)
            light[m, channel] = profile[min(max(b, 0), n_bins - 1)]


@numba.njit(cache=True, nogil=True, inline="always")
def _seen(plane: Floats, sweep: Sweep, scan: int, phase: float, col: float, transit: Transit) -> float:
    """Light of a plane (z, y) at a phase of the scan, relative to a full beam; column `col` stands at the pinhole."""
    half = plane.shape[0] / 2 - 0.5
    if phase < sweep.duty:
        u = phase / sweep.duty
        z = height_um(sweep, scan, u)
        if abs(z - transit.z_um) > transit.reach_um:
            return 0.0
        return efficiency(sweep, u) * _look_up(plane, z / transit.pixel_um + half, col, 0.0)
    if not sweep.mixes or phase >= 1.0:
        return 0.0
    old, bright_old, new, bright_new = flyback(sweep, phase)
    value = bright_old * _look_up(plane, height_um(sweep, scan, old) / transit.pixel_um + half, col, 0.0)
    return value + bright_new * _look_up(plane, height_um(sweep, scan + 1, new) / transit.pixel_um + half, col, 0.0)


@numba.njit(cache=True, nogil=True)
def lay_side(
    light: Floats, channel: int, stretch: Stretch, sweep: Sweep, transit: Transit, volume: Floats, pinholes: Doubles
) -> None:
    """Add what a cell sends through every pinhole to one channel of `(n, channels)`.

    `volume` is `(pinholes, z, y)`; `pinholes` is `(pinholes, 2)`: place along the flow, um, and photoelectrons per unit
    of the volume.
    """
    n_scans = stretch.starts.shape[0] - 1
    half = volume.shape[2] / 2 - 0.5
    for i in range(pinholes.shape[0]):
        plane, place, photoelectrons = volume[i], pinholes[i, 0], pinholes[i, 1]
        reach = transit.reach_um
        first = max(0, _first_sample(stretch, transit.tick + (place - reach) / transit.um_per_tick))
        last = min(light.shape[0], _first_sample(stretch, transit.tick + (place + reach) / transit.um_per_tick))
        if first >= last:
            continue
        tick = stretch.first_tick + first - stretch.delay_ticks
        k = max(0, int(np.searchsorted(stretch.starts, tick, side="right")) - 1)
        while k < n_scans and first < last:
            start, scale = stretch.starts[k], 1.0 / _length_ticks(stretch, k)
            end = min(last, _first_sample(stretch, stretch.starts[k + 1]))
            for m in range(first, end):
                tick = stretch.first_tick + m - stretch.delay_ticks
                y = place - transit.um_per_tick * (tick - transit.tick)
                col = y / transit.pixel_um + half
                value = _seen(plane, sweep, stretch.first_scan + k, (tick - start) * scale, col, transit)
                light[m, channel] += photoelectrons * value
            first = max(first, end)
            k += 1


@numba.njit(cache=True, nogil=True, inline="always")
def _passed(image: Floats, sweep: Sweep, scan: int, phase: float, col: float, pixel_um: float) -> float:
    """Share of the beam that an image (z, y) lets pass at a phase of the scan."""
    half = image.shape[0] / 2 - 0.5
    if phase < sweep.duty:
        return _look_up(image, height_um(sweep, scan, phase / sweep.duty) / pixel_um + half, col, 1.0)
    if not sweep.mixes or phase >= 1.0:
        return 1.0
    old, bright_old, new, bright_new = flyback(sweep, phase)
    through_old = _look_up(image, height_um(sweep, scan, old) / pixel_um + half, col, 1.0)
    through_new = _look_up(image, height_um(sweep, scan + 1, new) / pixel_um + half, col, 1.0)
    return (bright_old * through_old + bright_new * through_new) / max(bright_old + bright_new, 1e-12)


@numba.njit(cache=True, nogil=True)
def lay_forward(
    light: Floats, channel: int, stretch: Stretch, sweep: Sweep, transit: Transit, image: Floats, slit_y_um: float,
    stray: Floats,
) -> None:  # fmt: skip
    """Dim what a transmission channel of `(n, channels)` holds above its `(bins,)` stray light by an image (z, y)."""
    n_bins = stray.shape[0]
    half = image.shape[1] / 2 - 0.5
    reach = transit.reach_um
    first = max(0, _first_sample(stretch, transit.tick + (slit_y_um - reach) / transit.um_per_tick))
    last = min(light.shape[0], _first_sample(stretch, transit.tick + (slit_y_um + reach) / transit.um_per_tick))
    for k in range(stretch.starts.shape[0] - 1):
        start, scale = stretch.starts[k], 1.0 / _length_ticks(stretch, k)
        end = min(last, _first_sample(stretch, stretch.starts[k + 1]))
        for m in range(max(first, _first_sample(stretch, start)), end):
            tick = stretch.first_tick + m - stretch.delay_ticks
            phase = (tick - start) * scale
            y = slit_y_um - transit.um_per_tick * (tick - transit.tick)
            through = _passed(
                image, sweep, stretch.first_scan + k, phase, y / transit.pixel_um + half, transit.pixel_um
            )
            base = stray[min(max(int(phase * n_bins), 0), n_bins - 1)]
            light[m, channel] = base + (light[m, channel] - base) * through
