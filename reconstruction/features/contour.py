"""Shape of a mask: area, axes, outline and convex hull, as dclab defines them."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

SHAPE_FEATURES = (
    "area_um2", "diameter_um", "axis_ratio", "orientation_rad", "ellipsoid_um3", "area_um", "area_um_raw", "area_ratio",
    "deform", "deform_raw", "per_ratio", "per_um_raw", "aspect", "inert_ratio_cvx", "inert_ratio_raw",
    "inert_ratio_prnc", "eccentr_prnc", "tilt", "circ", "solidity", "size_flow_um", "size_across_um",
)  # fmt: skip
"""What `measure_shape` gives, in this order; see docs/features.md."""

_ROW_STEP = np.array([0, 1, 1, 1, 0, -1, -1, -1])
_COL_STEP = np.array([1, 1, 0, -1, -1, -1, 0, 1])
SMALLEST_VARIANCE = 1.0 / 12.0
"""Of the places of a mask that is one pixel wide, pixels squared."""


@numba.njit(cache=True, nogil=True)
def trace_outline(inside: Mask) -> Doubles:
    """Walk once around the first object of a mask through the centres of its edge pixels, `(n, 2)`: column, row.

    Moore's neighbour tracing, 8-connected, as OpenCV's `findContours` walks; no points where the mask is empty.
    """
    rows, cols = inside.shape
    outline = np.empty((4 * (rows + cols), 2))
    first_row = first_col = -1
    for i in range(rows):
        for j in range(cols):
            if inside[i, j]:
                first_row, first_col = i, j
                break
        if first_row >= 0:
            break
    if first_row < 0:
        return outline[:0]
    row, col, came, first_move, n = first_row, first_col, 0, -1, 0
    while n < 4 * rows * cols + 1:
        if n == outline.shape[0]:
            outline = np.concatenate((outline, np.empty_like(outline)))
        move = -1
        for k in range(8):
            d = (came + 6 + k) % 8
            p, q = row + _ROW_STEP[d], col + _COL_STEP[d]
            if 0 <= p < rows and 0 <= q < cols and inside[p, q]:
                move = d
                break
        if row == first_row and col == first_col and n > 0 and move == first_move:
            break
        outline[n, 0], outline[n, 1] = col, row
        n += 1
        if move < 0:
            break
        if first_move < 0:
            first_move = move
        row, col, came = row + _ROW_STEP[move], col + _COL_STEP[move], move
    return outline[:n]


@numba.njit(cache=True, nogil=True)
def convex_hull(inside: Mask) -> Doubles:
    """Corners of the convex hull of the centres of a mask's pixels, `(n, 2)`: column, row."""
    rows, cols = inside.shape
    hull = np.empty((2 * rows + 2, 2))
    n = 0
    for side in range(2):
        base = n
        for k in range(rows):
            i = k if side == 0 else rows - 1 - k
            col = -1
            for m in range(cols):
                j = cols - 1 - m if side == 0 else m
                if inside[i, j]:
                    col = j
                    break
            if col < 0:
                continue
            # A corner that the new point turns away from is no corner.
            while (
                n - base >= 2
                and (hull[n - 1, 0] - hull[n - 2, 0]) * (i - hull[n - 2, 1])
                - (hull[n - 1, 1] - hull[n - 2, 1]) * (col - hull[n - 2, 0])
                <= 0
            ):
                n -= 1
            hull[n, 0], hull[n, 1] = col, i
            n += 1
    return hull[:n]


@numba.njit(cache=True, nogil=True)
def _polygon(points: Doubles) -> tuple[float, float, float, float, float]:
    """Area, perimeter and central second moments (column, row, mixed) of a closed polygon, by Green's theorem."""
    area = arc = m10 = m01 = m20 = m02 = m11 = 0.0
    n = points.shape[0]
    # Counted from the first point, so that nothing is lost by taking a difference of large figures.
    x0, y0 = points[0, 0], points[0, 1]
    xa, ya = points[n - 1, 0] - x0, points[n - 1, 1] - y0
    for k in range(n):
        xb, yb = points[k, 0] - x0, points[k, 1] - y0
        cross = xa * yb - xb * ya
        arc += math.sqrt((xb - xa) ** 2 + (yb - ya) ** 2)
        area += cross / 2
        m10 += cross * (xa + xb) / 6
        m01 += cross * (ya + yb) / 6
        m20 += cross * (xa * xa + xa * xb + xb * xb) / 12
        m02 += cross * (ya * ya + ya * yb + yb * yb) / 12
        m11 += cross * (xa * (2 * ya + yb) + xb * (ya + 2 * yb)) / 24
        xa, ya = xb, yb
    if area == 0.0:
        return 0.0, arc, 0.0, 0.0, 0.0
    sign = math.copysign(1.0, area)
    return (
        abs(area),
        arc,
        sign * (m20 - m10 * m10 / area),
        sign * (m02 - m01 * m01 / area),
        sign * (m11 - m10 * m01 / area),
    )


@numba.njit(cache=True, nogil=True)
def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan


@numba.njit(cache=True, nogil=True)
def measure_shape(inside: Mask, pixel_um: float) -> Doubles:
    """Measure the shape of a mask whose columns run along the flow.

    Returns
    -------
    ndarray
        `SHAPE_FEATURES` in their order, then row and column of the centre, micrometres against the image's. All of it
        NaN for an empty mask except the area; what needs an outline with an area is NaN for a line of pixels.
    """
    out = np.full(24, math.nan)
    n = row = col = rr = cc = rc = 0.0
    top, bottom, left, right = inside.shape[0], -1, inside.shape[1], -1
    for i in range(inside.shape[0]):
        line = inside[i]
        number, along, squared = np.int32(0), np.int32(0), np.int32(0)
        for j in range(inside.shape[1]):
            within = np.int32(line[j])
            number += within
            along += within * np.int32(j)
            squared += within * np.int32(j) * np.int32(j)
        if number == 0:
            continue
        n, col, cc = n + number, col + along, cc + squared
        row, rr, rc = row + i * number, rr + i * i * number, rc + i * along
        top, bottom = min(top, i), i
        first, last = 0, inside.shape[1] - 1
        while not line[first]:
            first += 1
        while not line[last]:
            last -= 1
        left, right = min(left, first), max(right, last)
    out[0] = n * pixel_um**2
    if n == 0.0:
        return out
    row, col = row / n, col / n
    var_row, var_col, mixed = rr / n - row * row, cc / n - col * col, rc / n - row * col
    middle, apart = (var_row + var_col) / 2, math.hypot((var_row - var_col) / 2, mixed)
    long, short = max(middle + apart, SMALLEST_VARIANCE), max(middle - apart, SMALLEST_VARIANCE)
    out[1] = 2.0 * math.sqrt(out[0] / math.pi)
    out[2] = math.sqrt(long / short)
    out[3] = 0.5 * math.atan2(2 * mixed, var_col - var_row)
    out[4] = 4.0 / 3.0 * out[0] * math.sqrt(out[0] / (math.pi * out[2]))
    out[20], out[21] = (right - left + 1) * pixel_um, (bottom - top + 1) * pixel_um
    out[12] = out[20] / out[21]
    out[22] = (row - (inside.shape[0] - 1) / 2) * pixel_um
    out[23] = (col - (inside.shape[1] - 1) / 2) * pixel_um
    raw, raw_arc, i_yy, i_xx, i_xy = _polygon(trace_outline(inside))
    convex, convex_arc, m20, m02, _ = _polygon(convex_hull(inside))
    if raw == 0.0 or convex == 0.0:
        return out
    out[5], out[6], out[7] = convex * pixel_um**2, raw * pixel_um**2, convex / raw
    circ = 2 * math.sqrt(math.pi * convex) / convex_arc
    out[8], out[9] = 1 - circ, 1 - 2 * math.sqrt(math.pi * raw) / raw_arc
    out[10], out[11] = raw_arc / convex_arc, raw_arc * pixel_um
    out[13], out[14] = math.sqrt(_ratio(m20, m02)), math.sqrt(max(_ratio(i_yy, i_xx), 0.0))
    spread = math.sqrt((i_xx - i_yy) ** 2 + 4 * i_xy**2)
    major, minor = (i_xx + i_yy + spread) / 2, (i_xx + i_yy - spread) / 2
    out[15] = math.sqrt(_ratio(major, minor))
    out[16] = math.sqrt(max(_ratio(major - minor, major), 0.0))
    out[17] = abs(0.5 * math.atan2(-2 * i_xy, i_yy - i_xx))
    out[18], out[19] = circ, raw / convex
    return out
