"""Kernel that lays a passage of a cell on a grid, scan by scan (specification A.7, steps 5 and 6)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK
from reconstruction.deposit import FloatImage, Motion
from reconstruction.lanes import LANES, add_triangle

ScanCoefficients = tuple[float, float, float, float, bool]

FAST = {"contract", "nsz", "nnan", "ninf", "arcp", "reassoc"}
"""Liberties of the compiler that change a sum in its last digits only; samples and backgrounds are finite."""
LEAST_WEIGHT = np.float32(1e-4)
"""Pixels with less of a sample's weight show none of it."""


class Place(NamedTuple):
    """Where the samples of a channel stand: first tick of the window, scan clock, and the channel's delay, in ticks."""

    first_tick: float
    origin_tick: float
    period_ticks: float
    delay_ticks: float


class Correction(NamedTuple):
    """What turns a count into a value, `gain * count - base`, by sample of the scan.

    Both are `(BINS_PER_TICK, k)` float32: row q, column k belong to bin `BINS_PER_TICK * k + q` of the background.
    """

    gain: FloatImage
    base: FloatImage


class Cloth(NamedTuple):
    """What one passage is laid on, and room to work in.

    Attributes
    ----------
    sums
        `((n_z + 2) * 2 * width,)` float32: for every row z, and one row to either side, the weighted sums and then the
        weights along y, with a margin that takes what falls outside.
    width, margin
        Of a row, in pixels.
    value, row, col
        `(k,)` float32: of each sample of a scan, its value and where it lies, in pixels.
    """

    sums: FloatImage
    width: int
    margin: int
    value: FloatImage
    row: FloatImage
    col: FloatImage


class Line(NamedTuple):
    """Where the samples of a scan lie, in pixels and single precision.

    Attributes
    ----------
    w, dw
        Place of the first sample in the scan, -1/2 to 1/2, and its step to the next.
    row, rise, bend, twist
        Row by powers of w (specification A.4).
    col, dcol
        Column of the first sample, and its step.
    """

    w: np.float32
    dw: np.float32
    row: np.float32
    rise: np.float32
    bend: np.float32
    twist: np.float32
    col: np.float32
    dcol: np.float32


def half_width_px(um_per_tick: float, period_ticks: float, pixel_um: float) -> float:
    """Half of the triangle along y: one scan, but no less than a pixel."""
    return max(1.0, um_per_tick * period_ticks / pixel_um)


def new_cloth(n_px: int, period_ticks: float, half_px: float) -> Cloth:
    """Make room for passages of cells whose triangles are no wider than `half_px` to either side."""
    margin = LANES * math.ceil((2.0 * half_px + 3.0) / LANES)
    width, most = n_px + 2 * margin + LANES, math.ceil(period_ticks) + 2
    scratch = np.zeros((3, most), np.float32)
    return Cloth(np.zeros((n_px + 2) * 2 * width, np.float32), width, margin, scratch[0], scratch[1], scratch[2])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _locate(
    samples: Samples, start: int, count: int, correction: Correction, bin_: int, k: int, line: Line, cloth: Cloth
) -> None:  # fmt: skip
    """Work out the value of `count` samples `(n,)` of one scan, and where on the grid each lies."""
    value, row, col = cloth.value, cloth.row, cloth.col
    gain, base = correction.gain[bin_, k : k + count], correction.base[bin_, k : k + count]
    counts = samples[start : start + count]
    for i in range(count):
        value[i] = gain[i] * np.float32(counts[i]) - base[i]
    for i in range(count):
        at = np.float32(np.int32(i))
        w = line.w + line.dw * at
        row[i] = line.row + w * (line.rise + w * (line.bend + w * line.twist))
        col[i] = line.col + line.dcol * at


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, inline="always")
def _lay(i: int, n_px: int, half: np.float32, slope: np.float32, cloth: Cloth) -> None:
    """Lay one located sample: between two rows by distance, along y with a triangle."""
    below = np.floor(cloth.row[i])
    z = int(below)
    if z < -1 or z >= n_px:
        return
    upper, value, col = cloth.row[i] - below, cloth.value[i], cloth.col[i]
    lower = np.float32(1.0) - upper
    reached = np.ceil(col - half)
    away = reached - col
    at = (z + 1) * 2 * cloth.width + cloth.margin + int(reached)
    rows = (lower * value, lower, upper * value, upper)
    add_triangle(cloth.sums, at, cloth.width, rows, away, slope)
    # One vector takes a triangle of up to eight pixels; a wider one needs another for part of the samples.
    past = away + np.float32(8.0)
    while past < half:
        at += LANES
        add_triangle(cloth.sums, at, cloth.width, rows, past, slope)
        past += np.float32(8.0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _spread(count: int, n_px: int, half: np.float32, cloth: Cloth) -> None:
    """Lay the located samples, in turn from four parts of the scan: neighbours would wait for each other's sum."""
    slope = np.float32(1.0) / half
    part = count // 4
    for i in range(part):
        _lay(i, n_px, half, slope, cloth)
        _lay(i + part, n_px, half, slope, cloth)
        _lay(i + 2 * part, n_px, half, slope, cloth)
        _lay(i + 3 * part, n_px, half, slope, cloth)
    for i in range(4 * part, count):
        _lay(i, n_px, half, slope, cloth)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def lay_passage(
    samples: Samples, correction: Correction, place: Place, scan: ScanCoefficients, motion: Motion,
    passed: tuple[float, float, float], n_px: int, pixel_um: float, cloth: Cloth,
) -> None:  # fmt: skip
    """Lay what the samples `(n,)` of one channel show while a cell passes a pinhole or slit.

    `passed` is where that stands along the flow, um, and the path of the cell, um, from which and up to which it is
    the one looked through. The sample's own time gives y, so that the shear within a scan is undone.
    """
    cloth.sums[:] = np.float32(0.0)
    duty, height_um, a2, a3, triangle = scan
    period = place.period_ticks
    lag = place.delay_ticks - place.first_tick
    half = np.float32(max(1.0, motion.um_per_tick * period / pixel_um))
    reach = (0.5 * n_px + float(half)) * pixel_um
    y, near, far = passed
    # Times are rows of the window from here on.
    start_row, origin = motion.start_tick + lag, place.origin_tick + lag
    from_row = max(0, math.ceil(start_row + max(near, y - reach) / motion.um_per_tick))
    to_row = min(samples.shape[0], math.floor(start_row + min(far, y + reach) / motion.um_per_tick) + 1)
    middle = 0.5 * n_px - 0.5
    step = -motion.um_per_tick / pixel_um
    number = math.floor((from_row - origin) / period)
    while True:
        begin = origin + number * period
        if begin >= to_row:
            break
        back = triangle and number % 2 != 0
        number += 1
        whole = math.ceil(begin)
        start = max(from_row, whole)
        stop = min(to_row, math.ceil(begin + duty * period))
        if stop <= start:
            continue
        bin_ = min(int((whole - begin) * BINS_PER_TICK), BINS_PER_TICK - 1)
        u, du = (start - begin) / (duty * period), 1.0 / (duty * period)
        turn = (np.float32(0.5 - u), np.float32(-du)) if back else (np.float32(u - 0.5), np.float32(du))
        scale = height_um / pixel_um
        line = Line(
            *turn, np.float32(middle), np.float32(scale), np.float32(scale * a2), np.float32(scale * a3),
            np.float32(y / pixel_um + step * (start - start_row) + middle), np.float32(step),
        )  # fmt: skip
        _locate(samples, start, stop - start, correction, bin_, start - whole, line, cloth)
        _spread(stop - start, n_px, half, cloth)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def settle_cloth(cloth: Cloth, empty: float, image: FloatImage) -> int:
    """Divide sums by weights into `image` `(z, y)`, `empty` where nothing was laid; return how many pixels that is."""
    sums, width, n_y = cloth.sums, cloth.width, image.shape[1]
    missing = 0
    for z in range(image.shape[0]):
        at = (z + 1) * 2 * width + cloth.margin
        total, weight = sums[at : at + n_y], sums[at + width : at + width + n_y]
        for j in range(n_y):
            met = weight[j] > LEAST_WEIGHT
            missing += not met
            image[z, j] = total[j] / weight[j] if met else np.float32(empty)
    return missing
