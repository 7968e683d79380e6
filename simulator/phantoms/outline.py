"""Find the cell in its image: what differs from the background, in one piece, near the middle."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.real_images.raw import Floats

Mask = npt.NDArray[np.bool_]

LEAST_DEVIATION = 0.03
"""Relative change of the light that still counts as background, whatever the noise."""
NOISE_MULTIPLE = 4.0
SMEAR_DEVIATION = 0.1
"""The same in a smear, where the plasma is stained as well."""
NECKS_UM = (1.2, 0.8, 0.4, 0.0)
"""What hangs on the cell by a bridge narrower than twice this is not of it; the next one is tried where nothing is
left in the middle."""
SMEAR_NECKS_UM = (4.2, 3.4, 2.6, 1.8, *NECKS_UM)
"""The same in a smear: a red cell, 3.7 um in radius, does not outlast the first one, and most white cells do."""
SMALL_HOLE_UM2 = 15.0
"""Holes of a smear up to this area belong to the cell: the pale middle of a red one, not the room between several."""
SMOOTHING_UM = 0.3
_OFF_CENTRE = 0.08
_MODE_TOLERANCE = 0.04


def background(image: Floats, rim_px: int = 2) -> tuple[float, float]:
    """Level and spread (standard deviation) of the light on the rim of an image, where most of the rim is empty.

    The level is the half-sample mode, then the median of what lies near it: red cells that cross the rim of a smear
    do not shift it.
    """
    rim = np.ones(image.shape, dtype=np.bool_)
    rim[rim_px:-rim_px, rim_px:-rim_px] = False
    values = np.sort(image[rim].astype(np.float64))
    mode = _half_sample_mode(values)
    near = values[np.abs(values - mode) <= _MODE_TOLERANCE * abs(mode) + 1e-9]
    level = float(np.median(near))
    return level, 1.4826 * float(np.median(np.abs(near - level)))


def smear_background(image: Floats) -> tuple[float, float]:
    """Level and spread of the light of a smear where it is empty: the densest of its brighter half."""
    values = np.sort(image.astype(np.float64), axis=None)
    mode = _half_sample_mode(values[values.size // 2 :])
    near = values[np.abs(values - mode) <= _MODE_TOLERANCE * abs(mode) + 1e-9]
    level = float(np.median(near))
    return level, 1.4826 * float(np.median(np.abs(near - level)))


def central_mask(deviation: Floats, noise: float, pixel_um: float, *, is_smear: bool = False) -> Mask:
    """Outline of the object at the middle of an image, without holes; nothing but False where there is none.

    Parameters
    ----------
    deviation
        `(y, x)` float32: relative change of the light against the background, 0 outside of cells.
    noise
        Its standard deviation where nothing is.
    """
    passes = max(1, round(SMOOTHING_UM / pixel_um))
    sharp = np.abs(deviation)
    smooth = sharp
    for _ in range(passes):
        smooth = box3(smooth)
    # Smoothing folds the noise to its mean, and leaves a third of it or less.
    least = SMEAR_DEVIATION if is_smear else LEAST_DEVIATION
    limit = max(least, 0.8 * noise + NOISE_MULTIPLE * noise / 3)
    different = smooth > limit
    # Smoothing also widens what it finds by a pixel each time, unless that is there without it.
    different &= (sharp > limit) | (distance_px(different, passes + 1.0) > passes)
    largest = SMALL_HOLE_UM2 / pixel_um**2 if is_smear else float(different.size)
    whole = filled(different, largest)
    necks_um = SMEAR_NECKS_UM if is_smear else NECKS_UM
    inside = distance_px(whole, necks_um[0] / pixel_um + 1.0)
    for neck_um in necks_um:
        reach = neck_um / pixel_um
        core = _central_piece(inside > reach)
        if core.any():
            return np.asarray(whole & (distance_px(~core, reach + 1.0) <= reach))
    return np.zeros_like(whole)


def filled(mask: Mask, largest_px: float) -> Mask:
    """Return a mask with its holes closed, where they have no more than so many pixels: what no rim reaches."""
    outside = np.zeros(mask.shape, dtype=np.bool_)
    rim = np.ones(mask.shape, dtype=np.bool_)
    rim[1:-1, 1:-1] = False
    _flood(~mask, outside, np.argwhere(rim & ~mask))
    closed = ~outside
    _open_large(~mask & ~outside, closed, largest_px)
    return np.asarray(closed)


def _central_piece(mask: Mask) -> Mask:
    """Return the piece at the middle of the image, if there is one."""
    found = np.zeros(mask.shape, dtype=np.bool_)
    places = np.argwhere(mask)
    if places.size == 0:
        return found
    squared = ((places - (np.array(mask.shape) - 1) / 2) ** 2).sum(axis=1)
    nearest = int(squared.argmin())
    if squared[nearest] <= (_OFF_CENTRE * min(mask.shape)) ** 2:
        _flood(mask, found, places[nearest : nearest + 1])
    return found


@numba.njit(cache=True, nogil=True)
def _spread(allowed: Mask, reached: Mask, queue: npt.NDArray[np.int64], queued: int) -> int:
    """Set in `reached` whatever of `allowed` hangs together by edges with the queued pixels; return their number."""
    rows, cols = allowed.shape
    done = 0
    while done < queued:
        r, c = queue[done]
        done += 1
        for dr, dc in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            rr, cc = r + dr, c + dc
            if 0 <= rr < rows and 0 <= cc < cols and allowed[rr, cc] and not reached[rr, cc]:
                reached[rr, cc] = True
                queue[queued, 0], queue[queued, 1] = rr, cc
                queued += 1
    return done


@numba.njit(cache=True, nogil=True)
def _flood(allowed: Mask, reached: Mask, seeds: npt.NDArray[np.int64]) -> None:
    """Set in `reached` the seeds and whatever of `allowed` hangs together with them."""
    queue = np.empty((allowed.size, 2), dtype=np.int64)
    queued = 0
    for s in range(seeds.shape[0]):
        if not reached[seeds[s, 0], seeds[s, 1]]:
            reached[seeds[s, 0], seeds[s, 1]] = True
            queue[queued] = seeds[s]
            queued += 1
    _spread(allowed, reached, queue, queued)


@numba.njit(cache=True, nogil=True)
def _open_large(holes: Mask, closed: Mask, largest_px: float) -> None:
    """Take holes with more than so many pixels out of `closed`."""
    seen = np.zeros_like(holes)
    queue = np.empty((holes.size, 2), dtype=np.int64)
    for r in range(holes.shape[0]):
        for c in range(holes.shape[1]):
            if not holes[r, c] or seen[r, c]:
                continue
            seen[r, c] = True
            queue[0, 0], queue[0, 1] = r, c
            size = _spread(holes, seen, queue, 1)
            if size > largest_px:
                for k in range(size):
                    closed[queue[k, 0], queue[k, 1]] = False


def distance_px(mask: Mask, farthest_px: float) -> Floats:
    """Distance of every pixel of a mask to the nearest one outside of it, 0 outside, at most `farthest_px`, pixels.

    What lies beyond the image belongs to no outside.
    """
    out = np.empty(mask.shape, dtype=np.float32)
    _distances(mask, farthest_px, out)
    return out


@numba.njit(cache=True, nogil=True)
def _distances(mask: Mask, farthest: float, out: Floats) -> None:
    """Exact distances: first within each column, then the best of each row."""
    rows, cols = mask.shape
    within = np.empty((rows, cols), dtype=np.float64)
    for c in range(cols):
        run = farthest
        for r in range(rows):
            run = run + 1.0 if mask[r, c] else 0.0
            within[r, c] = min(run, farthest)
        run = farthest
        for r in range(rows - 1, -1, -1):
            run = run + 1.0 if mask[r, c] else 0.0
            within[r, c] = min(within[r, c], run)
    for r in range(rows):
        for c in range(cols):
            best = within[r, c] ** 2
            # Outwards until no column can be nearer than what is found.
            for step in range(1, cols):
                if step * step >= best:
                    break
                if c >= step:
                    best = min(best, step * step + within[r, c - step] ** 2)
                if c + step < cols:
                    best = min(best, step * step + within[r, c + step] ** 2)
            out[r, c] = math.sqrt(best)


def box3(image: Floats) -> Floats:
    """Mean over three pixels along both axes; the rim is repeated."""
    wide = np.pad(image, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0, dtype=np.float32)


def _half_sample_mode(values: npt.NDArray[np.float64]) -> float:
    """Return where sorted values lie densest: the narrowest half, again and again (Bickel and Fruehwirth 2006)."""
    while values.size > 3:
        half = (values.size + 1) // 2
        start = int(np.argmin(values[half - 1 :] - values[: values.size - half + 1]))
        values = values[start : start + half]
    return float(np.mean(values))
