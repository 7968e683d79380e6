"""What people gate on, measured in volumes of side scatter and fluorescence: size, place, shape, light and grain."""

from __future__ import annotations

import math

import numba
import numpy as np

from reconstruction.features.brightness import percentiles
from reconstruction.features.contour import Doubles
from reconstruction.features.volume_grain import grain, spots
from reconstruction.features.volume_light import COARSER, Box, frame_noise
from reconstruction.motion import FloatImage

VOLUME_FEATURES = (
    "threshold", "volume_um3", "ball_um", "z_um", "y_um", "x_um", "size_z_um", "size_y_um", "size_x_um",
    "axis_long_um", "axis_middle_um", "axis_short_um", "elongation", "compactness",
    "light", "avg", "sd", "max", "perc_10", "perc_90", "skew", "spots", "grain", "granularity",
)  # fmt: skip
"""What `measure_volume` gives, in this order; see docs/features.md."""

SIGMAS = 5.0
"""Light must stand out from the frame of its volume by so many times its noise."""
LEAST_SHARE = 0.1
"""And be this share of the brightest, so that the blur of a bright cell is not taken for the cell."""
LEAST_UM3 = 4.0
"""Less than this stands out only by chance: the blur of one point is above a tenth of its peak in as much."""
GRAIN_UM = (1.0, 2.0)
"""How far apart the places are whose light is compared, near and far."""


@numba.njit(cache=True, nogil=True)
def principal_variances(a: float, b: float, c: float, ab: float, ac: float, bc: float) -> tuple[float, float, float]:
    """Eigenvalues of a symmetric 3 x 3 matrix, largest first, in closed form (Smith, Commun. ACM 4, 168, 1961)."""
    mean = (a + b + c) / 3.0
    p = math.sqrt(((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2 + 2.0 * (ab * ab + ac * ac + bc * bc)) / 6.0)
    if p < 1e-12:
        return mean, mean, mean
    x, y, z, xy, xz, yz = (a - mean) / p, (b - mean) / p, (c - mean) / p, ab / p, ac / p, bc / p
    half = 0.5 * (x * (y * z - yz * yz) - xy * (xy * z - yz * xz) + xz * (xy * yz - y * xz))
    angle = math.acos(min(max(half, -1.0), 1.0)) / 3.0
    first = mean + 2.0 * p * math.cos(angle)
    last = mean + 2.0 * p * math.cos(angle + 2.0 * math.pi / 3.0)
    return first, 3.0 * mean - first - last, last


@numba.njit(cache=True, nogil=True)
def _reach(light: FloatImage, threshold: float) -> tuple[int, int, int, int, int, int]:
    """First and last + 1 voxel above the threshold along z, y and x."""
    n_z, n_y, n_x = light.shape
    first_z, last_z, first_y, last_y, first_x, last_x = n_z, 0, n_y, 0, n_x, 0
    for i in range(n_z):
        for j in range(n_y):
            row = light[i, j]
            low = 0
            while low < n_x and row[low] <= threshold:
                low += 1
            if low == n_x:
                continue
            high = n_x
            while row[high - 1] <= threshold:
                high -= 1
            first_z, last_z = min(first_z, i), i + 1
            first_y, last_y = min(first_y, j), max(last_y, j + 1)
            first_x, last_x = min(first_x, low), max(last_x, high)
    return first_z, last_z, first_y, last_y, first_x, last_x


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _row_sums(row: FloatImage, inside: FloatImage) -> tuple[float, float, float, float, float]:
    """Voxels inside, their first and second moments, their light, and its first moment, along a row."""
    n = along = square = light = moment = np.float32(0.0)
    for k in range(row.shape[0]):
        x = np.float32(k)
        one, value = inside[k], inside[k] * row[k]
        n += one
        along += one * x
        square += one * x * x
        light += value
        moment += value * x
    return float(n), float(along), float(square), float(light), float(moment)


@numba.njit(cache=True, nogil=True)
def _measure_places(light: FloatImage, inside: FloatImage, edge_um: float, out: Doubles) -> None:
    """Size, shape and place, from the first voxel, of what is inside (1, or 0 outside)."""
    n_z, n_y, n_x = light.shape
    n = z = y = x = zz = yy = xx = zy = zx = yx = total = total_z = total_y = total_x = 0.0
    for i in range(n_z):
        for j in range(n_y):
            one, along, square, bright, moment = _row_sums(light[i, j], inside[i, j])
            n, z, y, x = n + one, z + one * i, y + one * j, x + along
            zz, yy, xx = zz + one * i * i, yy + one * j * j, xx + square
            zy, zx, yx = zy + one * i * j, zx + along * i, yx + along * j
            total, total_z, total_y, total_x = (
                total + bright,
                total_z + bright * i,
                total_y + bright * j,
                total_x + moment,
            )
    out[1] = n * edge_um**3
    out[2] = 2.0 * (3.0 * out[1] / (4.0 * math.pi)) ** (1.0 / 3.0)
    out[3], out[4], out[5] = total_z / total * edge_um, total_y / total * edge_um, total_x / total * edge_um
    out[6], out[7], out[8] = n_z * edge_um, n_y * edge_um, n_x * edge_um
    z, y, x = z / n, y / n, x / n
    # A voxel is a cube, not a point.
    own = 1.0 / 12.0
    long, middle, short = principal_variances(
        zz / n - z * z + own, yy / n - y * y + own, xx / n - x * x + own, zy / n - z * y, zx / n - z * x, yx / n - y * x
    )
    out[9], out[10] = 2.0 * math.sqrt(5.0 * long) * edge_um, 2.0 * math.sqrt(5.0 * middle) * edge_um
    out[11] = 2.0 * math.sqrt(5.0 * max(short, own)) * edge_um
    out[12] = out[9] / out[11]
    out[13] = 0.6 * (0.5 * out[2]) ** 2 / ((long + middle + short) * edge_um**2)


@numba.njit(cache=True, nogil=True)
def _measure_light(light: FloatImage, inside: FloatImage, edge_um: float, out: Doubles) -> None:
    """Statistics and grain of the light inside."""
    flat, marks = light.ravel(), inside.ravel()
    values, n = np.empty(flat.size), 0
    for m in range(flat.size):
        values[n] = flat[m]
        n += int(marks[m])
    values = values[:n]
    mean = values.mean()
    away = values - mean
    spread = math.sqrt((away * away).mean())
    out[14], out[15], out[16], out[17] = mean * n * edge_um**3, mean, spread, values.max()
    out[18], out[19] = percentiles(values, 10.0, 90.0)
    out[20] = (away * away * away).mean() / spread**3 if spread > 0.0 else math.nan
    out[21] = spots(light, mean)
    near = grain(light, inside, max(1, round(GRAIN_UM[0] / edge_um)))
    far = grain(light, inside, max(1, round(GRAIN_UM[1] / edge_um)))
    out[22] = near / mean
    out[23] = near / far if far > 0.0 else math.nan


@numba.njit(cache=True, nogil=True)
def measure_volume(volume: FloatImage, light: FloatImage, box: Box, pixel_um: float) -> Doubles:
    """Measure the light of a cell.

    Parameters
    ----------
    volume
        `(z, y, x)` float32, counts above background.
    light, box
        Its `coarse_light` in the box around the cell's outline.

    Returns
    -------
    ndarray
        `VOLUME_FEATURES`, as docs/features.md defines them; NaN without an outline, and all but threshold and volume
        where less than `LEAST_UM3` stands out.
    """
    out = np.full(24, math.nan)
    if light.size == 0:
        return out
    edge_um = COARSER * pixel_um
    threshold = max(SIGMAS * frame_noise(volume), LEAST_SHARE * light.max())
    out[0] = threshold
    first_z, last_z, first_y, last_y, first_x, last_x = _reach(light, threshold)
    cell = light[first_z:last_z, first_y:last_y, first_x:last_x].copy()
    inside = np.empty_like(cell)
    counts, marks = cell.reshape(-1), inside.reshape(-1)
    for m in range(counts.size):
        marks[m] = counts[m] > threshold
    out[1] = inside.sum() * edge_um**3
    if out[1] < LEAST_UM3:
        return out
    _measure_places(cell, inside, edge_um, out)
    # From the first voxel to the middle of the volume.
    half = 0.5 * edge_um
    out[3] += (box.z + first_z) * edge_um + half - 0.5 * volume.shape[0] * pixel_um
    out[4] += (box.y + first_y) * edge_um + half - 0.5 * volume.shape[1] * pixel_um
    out[5] += first_x * edge_um + half - 0.5 * volume.shape[2] * pixel_um
    _measure_light(cell, inside, edge_um, out)
    return out
