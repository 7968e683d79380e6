"""Kernels of the light sheet: samples to planes and transmission image (specification A.7, steps 4 to 6)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK
from acquisition.geometry import sheet_height
from reconstruction.deposit import Canvas, FloatImage, Motion, deposit, settle

ScanCoefficients = tuple[float, float, float, float, bool]


class Place(NamedTuple):
    """Where the samples of a channel stand: first tick of the window, scan clock, and the channel's delay, in ticks."""

    first_tick: float
    origin_tick: float
    period_ticks: float
    delay_ticks: float


class Empty(NamedTuple):
    """An empty scan by bin of `BINS_PER_TICK`, `(n_bins,)` each: level of the channel, efficiency of the deflector."""

    level: FloatImage
    efficiency: FloatImage


@numba.njit(cache=True, nogil=True)
def scan_energy(
    samples: Samples, empty: Empty, place: Place, duty: float, n_scans: int, first_scan: int
) -> npt.NDArray[np.float64]:
    """Mean light above background of each scan's active part, `(n_scans,)`, at full efficiency.

    `samples` is one `(n,)` column.
    """
    level, efficiency = empty.level, empty.efficiency
    n_bins, bins = level.shape[0], place.period_ticks * BINS_PER_TICK
    total = np.zeros(n_scans)
    count = np.zeros(n_scans)
    for m in range(samples.shape[0]):
        turn = (place.first_tick + m - place.origin_tick - place.delay_ticks) / place.period_ticks
        scan = math.floor(turn)
        phase = turn - scan
        n = scan - first_scan
        if phase < duty and 0 <= n < n_scans:
            b = min(int(phase * bins), n_bins - 1)
            total[n] += samples[m] - level[b]
            count[n] += efficiency[b]
    for n in range(n_scans):
        total[n] = total[n] / count[n] if count[n] > 0 else 0.0
    return total


@numba.njit(cache=True, nogil=True)
def side_planes(
    samples: Samples, empty: Empty, place: Place, scan: ScanCoefficients, motion: Motion,
    mask_y: npt.NDArray[np.float64], canvas: Canvas,
) -> None:  # fmt: skip
    """Lay one channel's samples on the canvas `(n_pinholes, z, y)` of the pinholes, counts at full efficiency.

    The sample's own time gives y, so that the shear within a scan is undone (specification A.4).
    """
    level, efficiency = empty.level, empty.efficiency
    planes, weights, pixel_um = canvas.total, canvas.weight, canvas.pixel_um
    n_bins, bins = level.shape[0], place.period_ticks * BINS_PER_TICK
    n_z, n_y = planes.shape[1], planes.shape[2]
    half_y = max(1.0, motion.um_per_tick * place.period_ticks / pixel_um)
    half_field = 0.5 * n_y * pixel_um + half_y * pixel_um
    planes[:] = 0.0
    weights[:] = 0.0
    pinhole = 0
    for m in range(samples.shape[0]):
        tick = place.first_tick + m - place.delay_ticks
        path = motion.um_per_tick * (tick - motion.start_tick)
        # The nearest pinhole along the flow; the cell only ever moves on to later ones.
        while pinhole + 1 < mask_y.shape[0] and path > 0.5 * (mask_y[pinhole] + mask_y[pinhole + 1]):
            pinhole += 1
        y = mask_y[pinhole] - path
        if abs(y) > half_field:
            continue
        turn = (tick - place.origin_tick) / place.period_ticks
        z = sheet_height(turn, scan[0], scan[1], scan[2], scan[3], scan[4])
        if math.isnan(z):
            continue
        b = min(int((turn - math.floor(turn)) * bins), n_bins - 1)
        value = (samples[m] - level[b]) / efficiency[b]
        row = z / pixel_um + n_z / 2 - 0.5
        col = y / pixel_um + n_y / 2 - 0.5
        deposit(value, 1.0, row, col, 1.0, half_y, planes[pinhole], weights[pinhole])
    for i in range(planes.shape[0]):
        settle(planes[i], weights[i], 0.0)


@numba.njit(cache=True, nogil=True)
def stack_planes(planes: FloatImage, mask_x: npt.NDArray[np.float64], pixel_um: float, volume: FloatImage) -> None:
    """Interpolate the planes `(n_pinholes, z, y)` linearly along x into `volume` `(z, y, x)`; 0 outside the mask."""
    n_x = volume.shape[2]
    for k in range(n_x):
        x = (k + 0.5 - n_x / 2) * pixel_um
        i = 0
        while i + 2 < mask_x.shape[0] and mask_x[i + 1] < x:
            i += 1
        share = (x - mask_x[i]) / (mask_x[i + 1] - mask_x[i])
        edge = 0.5 * (mask_x[1] - mask_x[0])
        if x < mask_x[0] - edge or x > mask_x[-1] + edge:
            volume[:, :, k] = 0.0
            continue
        share = min(max(share, 0.0), 1.0)
        for z in range(volume.shape[0]):
            for y in range(volume.shape[1]):
                volume[z, y, k] = (1.0 - share) * planes[i, z, y] + share * planes[i + 1, z, y]


@numba.njit(cache=True, nogil=True)
def transmission_image(
    samples: Samples, level: FloatImage, place: Place, scan: ScanCoefficients, motion: Motion, slit_y: float,
    canvas: Canvas,
) -> int:  # fmt: skip
    """Lay the transmission on the canvas `(z, y)`, relative to the empty beam; return the pixels that no sample met."""
    image, weights, pixel_um = canvas.total, canvas.weight, canvas.pixel_um
    n_bins, bins = level.shape[0], place.period_ticks * BINS_PER_TICK
    n_z, n_y = image.shape
    half_y = max(1.0, motion.um_per_tick * place.period_ticks / pixel_um)
    half_field = 0.5 * n_y * pixel_um + half_y * pixel_um
    image[:] = 0.0
    weights[:] = 0.0
    for m in range(samples.shape[0]):
        tick = place.first_tick + m - place.delay_ticks
        y = slit_y - motion.um_per_tick * (tick - motion.start_tick)
        if abs(y) > half_field:
            continue
        turn = (tick - place.origin_tick) / place.period_ticks
        z = sheet_height(turn, scan[0], scan[1], scan[2], scan[3], scan[4])
        if math.isnan(z):
            continue
        b = min(int((turn - math.floor(turn)) * bins), n_bins - 1)
        value = samples[m] / max(level[b], np.float32(1.0))
        deposit(value, 1.0, z / pixel_um + n_z / 2 - 0.5, y / pixel_um + n_y / 2 - 0.5, 1.0, half_y, image, weights)
    return settle(image, weights, 1.0)
