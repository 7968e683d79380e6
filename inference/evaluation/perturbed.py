"""Images with some places made empty, or moved by a pixel, to ask what the bundle says then."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

from inference.evaluation.cell_masks import empty_value
from inference.saliency import upsample_map

Floats = npt.NDArray[np.float32]


def places_in_order(raw_map: npt.ArrayLike, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return for every pixel or voxel the share of the image that is more important than it, 0 to 1.

    Ties, which are many where a map is zero, are broken by chance and not by the place in memory.
    """
    fine = upsample_map(raw_map, shape).ravel()
    # Smaller than any difference that float32 can hold, so that only ties are touched.
    chance = rng.random(fine.size) * max(float(fine.max()), 1e-30) * 1e-9
    order = np.argsort(chance - fine.astype(np.float64))
    share = np.empty(fine.size, dtype=np.float32)
    share[order] = np.arange(fine.size, dtype=np.float32) / fine.size
    return share.reshape(shape)


def deleted(image: Floats, places: Floats, shares: npt.ArrayLike) -> Floats:
    """Return the image with the most important share of its places made empty, once for each share, `(k, ...)`."""
    return np.stack([np.where(places < share, np.float32(empty_value(image)), image) for share in np.asarray(shares)])


def inserted(image: Floats, places: Floats, shares: npt.ArrayLike) -> Floats:
    """Return an empty image with the most important share of the image's places, once for each share, `(k, ...)`."""
    return np.stack([np.where(places < share, image, np.float32(empty_value(image))) for share in np.asarray(shares)])


def patches(shape: tuple[int, ...], across: int) -> list[tuple[slice, ...]]:
    """Cut an image into `across` patches along each axis, in C order."""
    edges = [np.linspace(0, size, across + 1).round().astype(int) for size in shape]
    along = [[slice(int(a), int(b)) for a, b in pairwise(edge)] for edge in edges]
    return list(product(*along))


def occluded(images: Mapping[str, Floats], channel: str, across: int) -> dict[str, Floats]:
    """Return one cell's images once for each patch of one channel, with that patch empty, `(patches, ...)` each."""
    image = images[channel]
    cut = patches(image.shape, across)
    out = {name: np.repeat(part[None], len(cut), axis=0) for name, part in images.items()}
    for i, patch in enumerate(cut):
        out[channel][i][patch] = empty_value(image)
    return out


def patch_means(raw_map: npt.ArrayLike, shape: tuple[int, ...], across: int) -> Floats:
    """Return the mean of an enlarged map in each patch, `(patches,)`."""
    fine = upsample_map(raw_map, shape)
    return np.array([fine[patch].mean() for patch in patches(shape, across)], dtype=np.float32)


def moved(images: Floats, axis: int, step: int) -> Floats:
    """Return `(n, ...)` arrays moved by whole pixels along an axis of the image; what leaves is lost, edges repeat."""
    size = images.shape[axis + 1]
    return np.ascontiguousarray(np.take(images, np.clip(np.arange(size) - step, 0, size - 1), axis=axis + 1))
