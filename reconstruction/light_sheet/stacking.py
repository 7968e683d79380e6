"""From the planes of the pinholes to a volume: resampled along x, written voxel by voxel as memory runs."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.instrument import ImageGrid, Mask
from reconstruction.kriging import Doubles, nearest_run, shares_of
from reconstruction.lanes import LANES, blend, turn
from reconstruction.light_sheet.scan_lines import block_starts, row_heights
from reconstruction.motion import FloatImage

PLANES = 4
"""Planes that make up a voxel."""
ROWS = 4
"""Rows of the volume made at once, with the same shares."""
SLICES = LANES
"""Slices whose planes are turned at once, so that those of a voxel lie side by side."""


class Weave(NamedTuple):
    """How planes, in the order of their x, make up the voxels of a row, in blocks of `LANES`.

    Attributes
    ----------
    starts
        `(blocks,)`: first voxel of each block.
    first
        `(blocks,)`: first plane that it is made of.
    shares
        Flat, `(blocks, span, LANES)` float32.
    span
        Planes that a block is made of.
    """

    starts: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    shares: FloatImage
    span: int


def plane_shares(mask: Mask, grid: ImageGrid, blur_um: float, noise: float) -> Doubles:
    """Share of each plane, in the order of their x, in each voxel, `(x, pinholes)`.

    Nothing beyond half a pitch outside the first and last, where no pinhole looks.

    Parameters
    ----------
    blur_um
        Of the optics along x.
    noise
        Of a pixel of a plane, against the light.
    """
    x = row_heights(grid)
    places = np.sort(np.asarray(mask.x_um, dtype=np.float64))
    run = nearest_run(places, x, PLANES)[:, None] + np.arange(min(PLANES, places.size))
    before = places[0] - 0.5 * (places[1] - places[0])
    beyond = places[-1] + 0.5 * (places[-1] - places[-2])
    seen = (x >= before) & (x <= beyond)
    shares = np.zeros((x.size, places.size))
    np.put_along_axis(shares, run, shares_of(places[run], x, blur_um, noise) * seen[:, None], axis=1)
    return shares


def new_weave(mask: Mask, grid: ImageGrid, blur_um: float, noise: float) -> Weave:
    """Work out how the planes of a mask make up the voxels of a grid; see `plane_shares`."""
    shares = plane_shares(mask, grid, blur_um, noise)
    starts = block_starts(grid.size_px)
    used = [np.flatnonzero(shares[start : start + LANES].any(axis=0)) for start in starts]
    span = max(int(np.ptp(planes)) + 1 if planes.size else 1 for planes in used)
    first = np.array([min(planes[0], shares.shape[1] - span) if planes.size else 0 for planes in used], dtype=np.int64)
    blocks = [shares[a : a + LANES, f : f + span].T for a, f in zip(starts, first, strict=True)]
    return Weave(starts, first, np.ascontiguousarray(blocks, dtype=np.float32).ravel(), span)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def turn_planes(planes: FloatImage, z: int, tile: FloatImage) -> None:
    """Copy slices of the planes `(p, y, z)` from z on into a `tile` `(SLICES, y, p)`."""
    n_p, n_y, n_z = planes.shape
    source, target = planes.reshape(-1), tile.reshape(-1)
    for p in range(0, n_p, LANES):
        plane = min(p, n_p - LANES)
        for y in range(n_y):
            turn(target, y * n_p + plane, n_y * n_p, source, (plane * n_y + y) * n_z + z, n_y * n_z)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def stack_planes(planes: FloatImage, weave: Weave, tile: FloatImage, volume: FloatImage) -> None:
    """Make a `volume` `(z, y, x)`, contiguous, of the planes `(p, y, z)` in the order of their x.

    `tile` is room, `(SLICES, y, p)`. Slices are made in runs; the last run ends with the last slice.
    """
    n_z, n_y, n_x = volume.shape
    n_p = planes.shape[0]
    voxels, sources = volume.reshape(-1), tile.reshape(-1)
    starts, first, shares, span = weave
    done = 0
    while done < n_z:
        z0 = min(done, n_z - SLICES)
        turn_planes(planes, z0, tile)
        for k in range(done - z0, SLICES):
            for m in range(0, n_y, ROWS):
                y = min(m, n_y - ROWS)
                for b in range(starts.shape[0]):
                    at = ((z0 + k) * n_y + y) * n_x + starts[b]
                    start = (k * n_y + y) * n_p + first[b]
                    blend(
                        voxels,
                        (at, at + n_x, at + 2 * n_x, at + 3 * n_x),
                        shares,
                        b * span * LANES,
                        sources,
                        (start, start + n_p, start + 2 * n_p, start + 3 * n_p),
                        span,
                    )
        done = z0 + SLICES
