"""Kernels that fill a mask to silhouettes, and lay circles into these to tell how many bodies they are."""

from __future__ import annotations

import math

import numba
import numpy as np

from acquisition.copying import copy_row
from acquisition.folding import Floats
from acquisition.silhouettes import Mask


@numba.njit(cache=True, nogil=True)
def silhouettes(mask: Mask, reach: int, margin: int) -> Mask:
    """Close gaps of up to twice `reach` pixels and fill what is enclosed; `margin` empty pixels are put around.

    A bright-field cell is a dark rim about a bright, structured middle: closed and filled, it is one body.
    """
    n_rows, n_columns = mask.shape
    framed = np.zeros((n_rows + 2 * margin, n_columns + 2 * margin), dtype=np.bool_)
    for r in range(n_rows):
        copy_row(mask[r], framed[margin + r, margin:])
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
    stack = np.empty(barred.shape[0] + 1, dtype=np.uint64)
    one, width, depth = np.uint64(1), np.uint64(n_columns), np.uint64(1)
    stack[0] = n_columns + 1
    barred[stack[0]], out[stack[0]] = True, False
    while depth > 0:
        depth -= one
        place = stack[depth]
        for near in (place - width, place - one, place + one, place + width):
            if not barred[near]:
                barred[near], out[near] = True, False
                stack[depth] = near
                depth += one
    return inside


_NEAR, _KNIGHT = np.float32(2**0.5), np.float32(5**0.5)


@numba.njit(cache=True, nogil=True)
def depths(mask: Mask) -> Floats:
    """Distance of every pixel of the mask to the nearest one outside of it, pixels, by chamfers (within 2 %).

    The two outermost pixels must be outside of the mask.
    """
    depth = np.zeros(mask.shape, dtype=np.float32)
    flat = depth.reshape(-1)
    places = np.flatnonzero(mask).astype(np.uint64)
    # What comes before a pixel in reading order is known on the way there, what comes after it on the way back.
    row, one = np.uint64(mask.shape[1]), np.uint64(1)
    for p in places:
        flat[p] = _past(flat[p - one], flat[p - row], flat, p - row, p - row - row)
    for p in places[::-1]:
        flat[p] = min(flat[p], _past(flat[p + one], flat[p + row], flat, p + row, p + row + row))
    return depth


@numba.njit(cache=True, nogil=True)
def _past(beside: np.float32, ahead: np.float32, flat: Floats, near: np.uint64, far: np.uint64) -> np.float32:
    """Least distance by way of the pixels on one side, of which `near` and `far` are straight ahead."""
    one, two = np.uint64(1), np.uint64(2)
    straight = min(beside, ahead) + np.float32(1.0)
    aslant = min(flat[near - one], flat[near + one]) + _NEAR
    knight = min(min(flat[near - two], flat[near + two]), min(flat[far - one], flat[far + one]))
    return min(min(straight, aslant), knight + _KNIGHT)


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
        `(n, 3)` float32: row, column and radius.
    """
    rows, columns = np.nonzero(depth >= least)
    found = np.empty((most, 3), dtype=np.float32)
    n = 0
    while n < most:
        best, chosen = np.float32(0.0), -1
        for i in range(rows.shape[0]):
            radius = depth[rows[i], columns[i]]
            if radius > best and _is_clear(
                np.float32(rows[i]), np.float32(columns[i]), radius, found[:n], beyond, share
            ):
                best, chosen = radius, i
        if chosen < 0:
            break
        found[n, 0], found[n, 1], found[n, 2] = rows[chosen], columns[chosen], best
        n += 1
    return found[:n]


@numba.njit(cache=True, nogil=True)
def _is_clear(
    row: np.float32, column: np.float32, radius: np.float32, found: Floats, beyond: float, share: float
) -> bool:
    """Tell whether a circle reaches far enough beyond every one that was found."""
    n = found.shape[0]
    for k in range(n):
        apart = np.sqrt((row - found[k, 0]) ** 2 + (column - found[k, 1]) ** 2) + radius - found[k, 2]
        # Beside two that touch, what lies between them reaches beyond either one.
        if apart < max(beyond, share * found[k, 2]) or (n > 1 and apart < 1.5 * radius):
            return False
    return True
