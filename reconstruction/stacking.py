"""From the planes of the pinholes to a volume: straight lines along x, written voxel by voxel as memory runs."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.instrument import ImageGrid, Mask
from reconstruction.deposit import FloatImage
from reconstruction.lanes import LANES, weigh

TAPS = 4
"""Planes that one vector of voxels is summed from at once; a mask of narrow pitch takes several turns."""


class Weave(NamedTuple):
    """How planes make up the voxels of a row.

    Attributes
    ----------
    starts
        `(blocks,)` int64: first voxel of each block of `LANES`.
    planes
        `(blocks, turns * TAPS)` int64: planes that it is made of; those beyond need have no share.
    shares
        `(blocks * turns * TAPS * LANES,)` float32: share of each plane in each voxel of the block.
    """

    starts: npt.NDArray[np.int64]
    planes: npt.NDArray[np.int64]
    shares: FloatImage


def plane_shares(mask: Mask, grid: ImageGrid) -> npt.NDArray[np.float64]:
    """Share of each plane in each voxel, `(x, pinholes)`.

    Between two pinholes the line between their planes; up to half a pitch beyond the first and last their own plane,
    and nothing further out, where no pinhole looks. Pinholes may stand in any order along x.
    """
    n = grid.size_px
    order = np.argsort(mask.x_um, kind="stable")
    places = np.asarray(mask.x_um, dtype=np.float64)[order]
    x = (np.arange(n) + 0.5 - n / 2) * grid.pixel_um
    low = np.clip(np.searchsorted(places, x, side="right") - 1, 0, places.size - 2)
    gap = places[low + 1] - places[low]
    share = np.clip(np.where(gap > 0, (x - places[low]) / np.where(gap > 0, gap, 1.0), 0.5), 0.0, 1.0)
    before = places[0] - 0.5 * (places[1] - places[0])
    beyond = places[-1] + 0.5 * (places[-1] - places[-2])
    seen = (x >= before) & (x <= beyond)
    shares = np.zeros((n, places.size))
    np.add.at(shares, (np.arange(n), order[low]), np.where(seen, 1.0 - share, 0.0))
    np.add.at(shares, (np.arange(n), order[low + 1]), np.where(seen, share, 0.0))
    return shares


def new_weave(mask: Mask, grid: ImageGrid) -> Weave:
    """Work out how the planes of a mask make up the voxels of a grid."""
    shares = plane_shares(mask, grid)
    starts = np.array([*range(0, grid.size_px - LANES, LANES), grid.size_px - LANES], dtype=np.int64)
    used = [np.flatnonzero(shares[start : start + LANES].any(axis=0)) for start in starts]
    turns = max(1, -(-max(planes.size for planes in used) // TAPS))
    planes = np.zeros((starts.size, turns * TAPS), dtype=np.int64)
    blocks = np.zeros((starts.size, turns * TAPS, LANES), dtype=np.float32)
    for block, (start, which) in enumerate(zip(starts, used, strict=True)):
        planes[block, : which.size] = which
        blocks[block, : which.size] = shares[start : start + LANES, which].T
    return Weave(starts, planes, blocks.ravel())


@numba.njit(cache=True, nogil=True, error_model="numpy")
def stack_planes(planes: FloatImage, weave: Weave, volume: FloatImage) -> None:
    """Make a `volume` `(z, y, x)`, contiguous, of the planes `(n_pinholes, z, y)`."""
    voxels, sources = volume.ravel(), planes.ravel()
    n_z, n_y, n_x = volume.shape
    starts, which, shares = weave
    for z in range(n_z):
        # A slice of the volume fits the cache, so it goes to memory whole however it is filled.
        for b in range(starts.shape[0]):
            for t in range(which.shape[1] // TAPS):
                one, two, three, four = which[b, 4 * t], which[b, 4 * t + 1], which[b, 4 * t + 2], which[b, 4 * t + 3]
                place, at = (b * which.shape[1] + TAPS * t) * LANES, z * n_y * n_x + starts[b]
                for m in range(z * n_y, (z + 1) * n_y):
                    amounts = (
                        sources[np.uint64(one * n_z * n_y + m)],
                        sources[np.uint64(two * n_z * n_y + m)],
                        sources[np.uint64(three * n_z * n_y + m)],
                        sources[np.uint64(four * n_z * n_y + m)],
                    )
                    weigh(voxels, at, shares, place, amounts, t > 0)
                    at += n_x
