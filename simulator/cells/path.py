"""How much a cell delays light that passes through it: exact chords of its parts, pixel by pixel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from simulator.cells.outline import relief_at

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

MOST_LOBES = 8


class Shape(NamedTuple):
    """The parts of a cell in its own frame, um; `turn` columns are that frame's axes in z, y, x."""

    axes: Doubles
    relief: Floats
    turn: Doubles
    lobes: Doubles
    dents: Doubles


class Picture(NamedTuple):
    """Where a picture's pixels are; see `simulator.cells.specimen.View`."""

    rows: int
    cols: int
    along: int
    centre_row_um: float
    centre_col_um: float
    pixel_um: float


@numba.njit(cache=True, nogil=True, inline="always")
def _chord(body: Doubles, start: Doubles, step: Doubles) -> tuple[float, float]:
    """Where a ray enters and leaves an ellipsoid; leaving before entering means that it misses."""
    a = b = c = 0.0
    for i in range(3):
        p, q = (start[i] - body[i]) / body[3 + i], step[i] / body[3 + i]
        a += q * q
        b += p * q
        c += p * p
    root = b * b - a * (c - 1.0)
    if root <= 0.0:
        return 0.0, -1.0
    half = math.sqrt(root)
    return (-b - half) / a, (-b + half) / a


@numba.njit(cache=True, nogil=True)
def _nucleus_length(lobes: Doubles, dents: Doubles, start: Doubles, step: Doubles, spans: Doubles) -> float:
    """Length of a ray inside the union of lobes, less the dents; `spans` is room for `(MOST_LOBES, 2)`."""
    count = 0
    for b in range(lobes.shape[0]):
        low, high = _chord(lobes[b], start, step)
        if high <= low:
            continue
        k = count
        while k > 0 and spans[k - 1, 0] > low:
            spans[k, 0], spans[k, 1] = spans[k - 1, 0], spans[k - 1, 1]
            k -= 1
        spans[k, 0], spans[k, 1] = low, high
        count += 1
    total, reached = 0.0, -1e30
    for k in range(count):
        low, high = max(spans[k, 0], reached), spans[k, 1]
        if high <= low:
            continue
        reached = high
        length = high - low
        for d in range(dents.shape[0]):
            enter, leave = _chord(dents[d], start, step)
            length -= max(0.0, min(leave, high) - max(enter, low))
        total += max(length, 0.0)
    return float(total)


@numba.njit(cache=True, nogil=True)
def _surface(shape: Shape, start: Doubles, step: Doubles, side: float) -> float:
    """Where a ray crosses the rough outline on one side of its middle; 0 where it misses.

    `start` is the ray's point nearest to the centre. The distance to the surface in the direction of the last guess
    gives the next one, which settles within three turns for reliefs of a few per cent.
    """
    off2 = start[0] ** 2 + start[1] ** 2 + start[2] ** 2
    t = side * shape.axes[0]
    for _ in range(4):
        z, y, x = start[0] + t * step[0], start[1] + t * step[1], start[2] + t * step[2]
        length = math.sqrt(z * z + y * y + x * x)
        scale = 1.0 / math.sqrt((z / shape.axes[0]) ** 2 + (y / shape.axes[1]) ** 2 + (x / shape.axes[2]) ** 2)
        radius = length * scale * (1.0 + relief_at(shape.relief, z, y, x))
        t = side * math.sqrt(max(radius * radius - off2, 0.0))
    return float(t)


@numba.njit(cache=True, nogil=True)
def thickness(cell: Floats, nucleus: Floats, shape: Shape, picture: Picture, reach_um: float) -> None:
    """Write the lengths, um, that rays take in the cell and in its nucleus to two `(n, n)` images of zeros."""
    n = cell.shape[0]
    start, step, point = np.zeros(3), np.zeros(3), np.zeros(3)
    spans = np.zeros((MOST_LOBES, 2))
    for i in range(3):
        step[i] = shape.turn[picture.along, i]
    for r in range(n):
        u = (r + 0.5 - n / 2) * picture.pixel_um - picture.centre_row_um
        for c in range(n):
            v = (c + 0.5 - n / 2) * picture.pixel_um - picture.centre_col_um
            if u * u + v * v > reach_um * reach_um:
                continue
            point[picture.rows], point[picture.cols], point[picture.along] = u, v, 0.0
            for i in range(3):
                start[i] = shape.turn[0, i] * point[0] + shape.turn[1, i] * point[1] + shape.turn[2, i] * point[2]
            cell[r, c] = _surface(shape, start, step, 1.0) - _surface(shape, start, step, -1.0)
            if shape.lobes.shape[0] > 0:
                nucleus[r, c] = _nucleus_length(shape.lobes, shape.dents, start, step, spans)


@numba.njit(cache=True, nogil=True)
def add_balls(path: Floats, balls: Floats, picture: Picture, sharpness_um: float) -> None:
    """Add index step times length of small balls `(g, 5)`: z, y, x, radius, step, each as a Gaussian of its volume.

    A ball seen from aside has the mean square radius r^2 / 5 along either axis; `sharpness_um` is added to it, so that
    none falls between two pixels.
    """
    n = path.shape[0]
    for g in range(balls.shape[0]):
        radius = balls[g, 3]
        spread = math.sqrt(sharpness_um**2 + radius * radius / 5.0)
        r0 = (balls[g, picture.rows] + picture.centre_row_um) / picture.pixel_um + n / 2 - 0.5
        c0 = (balls[g, picture.cols] + picture.centre_col_um) / picture.pixel_um + n / 2 - 0.5
        volume = 4.0 / 3.0 * math.pi * radius**3
        height = balls[g, 4] * volume / (2.0 * math.pi * spread * spread)
        reach = int(3 * spread / picture.pixel_um) + 1
        fall = (picture.pixel_um / spread) ** 2 / 2.0
        for i in range(max(0, int(r0) - reach), min(n, int(r0) + reach + 2)):
            part = height * math.exp(-fall * (i - r0) ** 2)
            for j in range(max(0, int(c0) - reach), min(n, int(c0) + reach + 2)):
                path[i, j] += part * math.exp(-fall * (j - c0) ** 2)


@numba.njit(cache=True, nogil=True)
def add_texture(
    path: Floats, length: Floats, rms: float, tile: Floats, place: tuple[float, float, float], picture: Picture
) -> None:
    """Add the optical path of a texture to `(n, n)`, where a ray spends `length`, um, in it.

    `place` are row and column of the tile at the cell's centre and tile pixels per um; `rms` is that of 1 um.
    """
    n, size = path.shape[0], tile.shape[0]
    row0, col0, scale = place
    for r in range(n):
        u = row0 + scale * ((r + 0.5 - n / 2) * picture.pixel_um - picture.centre_row_um)
        i = math.floor(u)
        s = u - i
        for c in range(n):
            if length[r, c] <= 0.0:
                continue
            v = col0 + scale * ((c + 0.5 - n / 2) * picture.pixel_um - picture.centre_col_um)
            j = math.floor(v)
            t = v - j
            i0, i1, j0, j1 = i % size, (i + 1) % size, j % size, (j + 1) % size
            upper = (1.0 - t) * tile[i0, j0] + t * tile[i0, j1]
            lower = (1.0 - t) * tile[i1, j0] + t * tile[i1, j1]
            path[r, c] += rms * math.sqrt(length[r, c]) * ((1.0 - s) * upper + s * lower)
