"""Kernels that fill a mask to silhouettes, and lay circles into these to tell how many bodies they are."""

from __future__ import annotations

import math

import numba
import numpy as np

from acquisition.folding import Floats
from acquisition.silhouettes import Mask


@numba.njit(cache=True, nogil=True)
def silhouettes(mask: Mask, reach: int, margin: int) -> Mask:
    """Close gaps of up to twice `reach` pixels and fill what is enclosed; `margin` empty pixels are put around.

    A bright-field cell is a dark rim about a bright, structured middle: closed and filled, it is one body.
    """
    n_rows, n_columns = mask.shape
    framed = np.zeros((n_rows + 2 * margin, n_columns + 2 * margin), dtype=np.bool_)
    framed[margin : margin + n_rows, margin : margin + n_columns] = mask
    return np.logical_not(grown(np.logical_not(filled(grown(framed, reach))), reach))


@numba.njit(cache=True, nogil=True)
def grown(mask: Mask, reach: int) -> Mask:
    """Return every pixel within `reach` pixels of one of the mask; the outermost `reach` pixels must all be alike."""
    n_columns = mask.shape[1]
    out = mask.copy()
    # Row behind row, a shift of the whole mask is one long loop.
    source, flat = mask.reshape(-1).view(np.uint8), out.reshape(-1).view(np.uint8)
    edge = reach * (n_columns + 1)
    for dy in range(-reach, reach + 1):
        half = int(math.sqrt(reach * reach - dy * dy))
        for dx in range(-half, half + 1):
            shifted = source[edge + dy * n_columns + dx :]
            inner = flat[edge : flat.shape[0] - edge]
            for i in range(inner.shape[0]):
                inner[i] |= shifted[i]
    return out


@numba.njit(cache=True, nogil=True)
def filled(mask: Mask) -> Mask:
    """Add what the mask encloses: all that cannot be reached from outside; the two outermost pixels must be empty."""
    n_rows, n_columns = mask.shape
    closed = mask.copy()
    closed[0, :] = closed[-1, :] = True
    closed[:, 0] = closed[:, -1] = True
    inside = np.ones((n_rows, n_columns), dtype=np.bool_)
    inside[0, :] = inside[-1, :] = False
    inside[:, 0] = inside[:, -1] = False
    barred, out = closed.reshape(-1), inside.reshape(-1)
    stack = np.empty(barred.shape[0] + 1, dtype=np.int64)
    steps = np.array([-n_columns, -1, 1, n_columns])
    stack[0] = n_columns + 1
    barred[stack[0]], out[stack[0]] = True, False
    depth = 1
    while depth > 0:
        depth -= 1
        place = stack[depth]
        for s in range(4):
            near = place + steps[s]
            if not barred[near]:
                barred[near], out[near] = True, False
                stack[depth] = near
                depth += 1
    return inside


_NEAR, _KNIGHT = 2**0.5, 5**0.5
_CHAMFER = np.array(
    [
        (0, -1, 1.0),
        (-1, 0, 1.0),
        (-1, -1, _NEAR),
        (-1, 1, _NEAR),
        (-1, -2, _KNIGHT),
        (-1, 2, _KNIGHT),
        (-2, -1, _KNIGHT),
        (-2, 1, _KNIGHT),
    ]
)
"""Rows, columns and distance of the neighbours that come before a pixel."""


@numba.njit(cache=True, nogil=True)
def depths(mask: Mask) -> Floats:
    """Distance of every pixel of the mask to the nearest one outside of it, pixels, by chamfers (within 2 %).

    The outermost pixels must be outside of the mask.
    """
    n_rows, n_columns = mask.shape
    out = np.where(mask, np.float32(1e6), np.float32(0.0))
    for turn in range(2):
        sign = 1 if turn == 0 else -1
        for i in range(n_rows):
            r = i if turn == 0 else n_rows - 1 - i
            for j in range(n_columns):
                c = j if turn == 0 else n_columns - 1 - j
                if out[r, c] == 0:
                    continue
                for m in range(_CHAMFER.shape[0]):
                    y, x = r + sign * int(_CHAMFER[m, 0]), c + sign * int(_CHAMFER[m, 1])
                    if 0 <= y < n_rows and 0 <= x < n_columns:
                        out[r, c] = min(out[r, c], out[y, x] + np.float32(_CHAMFER[m, 2]))
    return out


@numba.njit(cache=True, nogil=True)
def circles(depth: Floats, least: float, beyond: float, share: float, most: int) -> Floats:
    """Lay circles into silhouettes: the largest, then the largest that reaches far enough beyond every earlier one.

    Parameters
    ----------
    depth
        As `depths` gives it.
    least
        Least radius, pixels.
    beyond, share
        A circle reaches far enough if it ends `beyond` pixels, and `share` of the other's radius, outside the other;
        from the third one on, three quarters of its width as well.
    most
        Circles at most.

    Returns
    -------
    Floats
        `(n, 4)` float32: row, column, radius and reach beyond the nearest earlier circle (infinite for the first).
    """
    n_rows, n_columns = depth.shape
    found = np.empty((most, 4), dtype=np.float32)
    n = 0
    while n < most:
        best, row, column = np.float32(0.0), -1, -1
        for r in range(n_rows):
            for c in range(n_columns):
                radius = depth[r, c]
                if radius < least or radius <= best:
                    continue
                clear = True
                for k in range(n):
                    apart = math.sqrt((r - found[k, 0]) ** 2 + (c - found[k, 1]) ** 2) + radius - found[k, 2]
                    # Beside two that touch, what lies between them reaches beyond either one.
                    if apart < max(beyond, share * found[k, 2]) or (n > 1 and apart < 1.5 * radius):
                        clear = False
                        break
                if clear:
                    best, row, column = radius, r, c
        if row < 0:
            break
        nearest = np.float32(np.inf)
        for k in range(n):
            apart = math.sqrt((row - found[k, 0]) ** 2 + (column - found[k, 1]) ** 2) + best - found[k, 2]
            nearest = min(nearest, np.float32(apart))
        found[n, 0], found[n, 1], found[n, 2], found[n, 3] = row, column, best, nearest
        n += 1
    return found[:n]


@numba.njit(cache=True, nogil=True)
def extents(mask: Mask, weight: Floats, found: Floats) -> Floats:
    """Share the silhouettes out among the circles in them, each pixel to the circle that is nearest.

    Parameters
    ----------
    mask, weight
        Silhouettes, and how much each pixel counts for the centre.
    found
        As `circles` gives them.

    Returns
    -------
    Floats
        `(n, 7)` float32: first and last row, first and last column, pixels, row and column of the weighted centre.
    """
    n_rows, n_columns = mask.shape
    n = found.shape[0]
    out = np.zeros((n, 7), dtype=np.float32)
    total = np.zeros(n, dtype=np.float32)
    for k in range(n):
        out[k, 0], out[k, 2], out[k, 1], out[k, 3] = n_rows, n_columns, -1, -1
    for r in range(n_rows):
        for c in range(n_columns):
            if not mask[r, c]:
                continue
            nearest, beyond = -1, np.float32(np.inf)
            for k in range(n):
                apart = math.sqrt((r - found[k, 0]) ** 2 + (c - found[k, 1]) ** 2) - found[k, 2]
                # What lies further from every circle than its radius is a speck of its own.
                if apart < min(beyond, found[k, 2]):
                    nearest, beyond = k, np.float32(apart)
            if nearest < 0:
                continue
            k = nearest
            out[k, 0], out[k, 1] = min(out[k, 0], r), max(out[k, 1], r)
            out[k, 2], out[k, 3] = min(out[k, 2], c), max(out[k, 3], c)
            out[k, 4] += 1.0
            out[k, 5] += weight[r, c] * r
            out[k, 6] += weight[r, c] * c
            total[k] += weight[r, c]
    for k in range(n):
        out[k, 5] = out[k, 5] / total[k] if total[k] > 0 else found[k, 0]
        out[k, 6] = out[k, 6] / total[k] if total[k] > 0 else found[k, 1]
    return out
