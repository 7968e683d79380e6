"""Points in space for the light of flat images and of stacks, as dense as the instruments can tell."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquisition.real_images.raw import Floats, Voxel
from simulator.phantoms.outline import Mask, box3, distance_px

_Column = npt.NDArray[np.floating]

MOST_POINTS = 6000
"""Of one phantom, so that it is laid on the stream in some twenty milliseconds."""
PITCH_UM = 0.25
"""Points lie no closer and not much farther apart, against a blur of some 0.5 um in the instruments."""
GRANULE_UM = 0.5
"""Extent in depth of what is one bright body in a flat image (an assumption)."""
_DOUBLINGS = 2
"""Four steps of `PITCH_UM` uphill, 1 um: the farthest that a pixel may lie from the middle of its body."""
LAYER_UM = 0.5
"""Least distance between the points that one pixel of a stain is spread to in depth."""


def thickness_um(mask: Mask, pixel_um: float) -> Floats:
    """Extent in depth over every pixel of an outline: a ball's profile from the rim to the mean radius, flat within.

    Source: none, the third dimension of a flat image is an assumption.
    """
    radius = math.sqrt(float(mask.sum()) / math.pi)
    depth = distance_px(mask, radius)
    return np.asarray(2 * pixel_um * np.sqrt(depth * (2 * radius - depth)), dtype=np.float32)


def granules_of(
    light: Floats, thickness: Floats, centre_px: tuple[float, float], pixel_um: float, rng: np.random.Generator
) -> Floats:
    """Spread a darkfield image over the depth of its cell, each bright body at a random depth of its own.

    Parameters
    ----------
    light
        `(y, x)` float32, 0 or more.
    thickness
        `(y, x)` float32: how deep the cell is there, um.
    centre_px
        Row and column of the cell's centre.

    Returns
    -------
    Floats
        `(s, 4)`: z, y, x (the image's rows, its columns, depth) and light; the sum of the light is kept. The image is
        a picture along x, which is what the camera of a light sheet's forward path takes.
    """
    light, thickness, centre_px, pixel_um = _at_pitch(light, thickness, centre_px, pixel_um)
    # A body is as deep as its brightest place allows, and stays in one piece where the cell is thinner.
    place = (rng.uniform(-0.5, 0.5, light.size) * thickness.ravel())[_bodies(light)]
    place += rng.uniform(-0.5, 0.5, light.shape) * np.minimum(thickness, GRANULE_UM)
    rows, cols = np.nonzero(light > 0)
    return _points(
        (rows - centre_px[0]) * pixel_um,
        (cols - centre_px[1]) * pixel_um,
        place[rows, cols],
        light[rows, cols],
    )


def stain_of(
    light: Floats, thickness: Floats, centre_px: tuple[float, float], pixel_um: float, rng: np.random.Generator
) -> Floats:
    """Spread a fluorescence image evenly over the depth of its cell; as `granules_of` otherwise."""
    light, thickness, centre_px, pixel_um = _at_pitch(light, thickness, centre_px, pixel_um)
    rows, cols = np.nonzero(light > 0)
    if rows.size == 0:
        return np.empty((0, 4), dtype=np.float32)
    deepest = max(1, math.ceil(float(thickness.max()) / LAYER_UM))
    layers = max(1, min(deepest, MOST_POINTS // rows.size))
    share = (np.arange(layers)[:, None] + rng.random((layers, rows.size))) / layers - 0.5
    return _points(
        np.tile((rows - centre_px[0]) * pixel_um, layers),
        np.tile((cols - centre_px[1]) * pixel_um, layers),
        (share * thickness[rows, cols]).ravel(),
        np.tile(light[rows, cols] / layers, layers),
    )


def points_of_volume(light: Floats, voxel_um: Voxel) -> Floats:
    """Return the voxels of a stack as points about its middle, `(s, 4)`: z, y, x, light; blocks of them where many.

    Each point stands at the centre of light of its block.
    """
    edge_um = max(PITCH_UM, min(voxel_um))
    while True:
        steps = tuple(max(1, round(edge_um / step)) for step in voxel_um)
        sums = _pooled(light, steps)
        if np.count_nonzero(sums) <= MOST_POINTS:
            break
        edge_um *= 1.15
    places = np.nonzero(sums)
    coordinates = [
        (_pooled(light * _index(light.shape, axis), steps)[places] / sums[places] - (light.shape[axis] - 1) / 2)
        * voxel_um[axis]
        for axis in range(3)
    ]
    return np.stack([*coordinates, sums[places]], axis=1).astype(np.float32)


def _points(z: _Column, y: _Column, x: _Column, light: _Column) -> Floats:
    return np.stack([z, y, x, light], axis=1).astype(np.float32)


def _at_pitch(
    light: Floats, thickness: Floats, centre_px: tuple[float, float], pixel_um: float
) -> tuple[Floats, Floats, tuple[float, float], float]:
    """Put an image on a pitch near `PITCH_UM`, coarser where the points would be too many."""
    finer = max(1, math.floor(pixel_um / PITCH_UM + 1e-6))
    if finer > 1:
        light, thickness = _refined(light, finer) / np.float32(finer**2), _refined(thickness, finer)
        centre_px = (finer * centre_px[0] + (finer - 1) / 2, finer * centre_px[1] + (finer - 1) / 2)
        pixel_um /= finer
    coarser = max(1, round(PITCH_UM / pixel_um))
    while np.count_nonzero(_pooled(light, (coarser, coarser))) > MOST_POINTS:
        coarser += 1
    if coarser > 1:
        covered = _pooled(np.ones_like(light), (coarser, coarser))
        light = _pooled(light, (coarser, coarser))
        thickness = _pooled(thickness, (coarser, coarser)) / covered
        centre_px = ((centre_px[0] - (coarser - 1) / 2) / coarser, (centre_px[1] - (coarser - 1) / 2) / coarser)
        pixel_um *= coarser
    return light, thickness, centre_px, pixel_um


def _refined(image: Floats, factor: int) -> Floats:
    """Linear interpolation at `factor` places within each pixel, along both axes."""
    for axis in (0, 1):
        n = image.shape[axis]
        place = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
        low = np.minimum(place.astype(np.int64), max(0, n - 2))
        share = (place - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        high = np.minimum(low + 1, n - 1)
        image = (1 - share) * image.take(low, axis) + share * image.take(high, axis)
    return image


def _pooled(image: Floats, steps: tuple[int, ...]) -> Floats:
    """Sum over blocks; the last block of an axis may be smaller."""
    for axis, step in enumerate(steps):
        if step > 1:
            image = np.add.reduceat(image, np.arange(0, image.shape[axis], step), axis=axis)
    return image


def _index(shape: tuple[int, ...], axis: int) -> Floats:
    view = [1] * len(shape)
    view[axis] = -1
    return np.arange(shape[axis], dtype=np.float32).reshape(view)


def _bodies(light: Floats) -> npt.NDArray[np.int64]:
    """Say for every pixel where the light leads uphill from it in a few steps, as a flat index.

    A bright spot of a granule's size leads to its maximum, and is one body; a broad slope falls into many.
    """
    wide = np.pad(box3(light), 1, constant_values=-1.0)
    rows, cols = light.shape
    steps = [(down, right) for down in range(3) for right in range(3)]
    around = np.stack([wide[down : down + rows, right : right + cols] for down, right in steps])
    # The pixel itself comes first, so that flat light stays where it is.
    order = [4, 0, 1, 2, 3, 5, 6, 7, 8]
    best = np.array(order)[around[order].argmax(axis=0)]
    here_row, here_col = np.indices(light.shape)
    uphill = ((here_row + best // 3 - 1) * cols + here_col + best % 3 - 1).ravel()
    for _ in range(_DOUBLINGS):
        uphill = uphill[uphill]
    return np.asarray(uphill.reshape(light.shape), dtype=np.int64)
