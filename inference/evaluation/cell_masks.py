"""Where the cell is, and how much of a map lies there: a model that looks beside the cell has learnt something else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inference.saliency import upsample_map
from reconstruction.features.image import find_object

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def empty_value(image: npt.NDArray[np.floating]) -> float:
    """Return the value of an empty place of one cell's image: 1 in flat images, 0 in volumes."""
    return 1.0 if image.ndim == 2 else 0.0


def contrast(image: Floats) -> Floats:
    """Return how far each place of one cell's image is from empty."""
    return np.asarray(np.abs(image - np.float32(empty_value(image))), dtype=np.float32)


def cell_mask(image: Floats) -> Mask:
    """Return where the cell is in one image `(y, x)` or volume `(z, y, x)`.

    In a volume it is what the silhouettes of the volume's sums along its three axes have in common, which is a little
    more than the cell itself.
    """
    if image.ndim == 2:
        return np.asarray(find_object(image).inside, dtype=np.bool_)
    inside = np.ones(image.shape, dtype=np.bool_)
    for axis in range(3):
        silhouette = find_object(image.sum(axis=axis, dtype=np.float32), background=0.0).inside
        inside &= np.expand_dims(silhouette, axis)
    return inside


def share_inside(raw_maps: Floats, masks: Mask) -> npt.NDArray[np.float64]:
    """Return the share `(n,)` of each map's sum that lies in the cell; not a number where map or mask is empty.

    Parameters
    ----------
    raw_maps
        `(n, ...)` maps of a low resolution, not negative.
    masks
        `(n, ...)` of the images' size.
    """
    shares = np.full(len(masks), np.nan)
    for i, (raw, mask) in enumerate(zip(raw_maps, masks, strict=True)):
        fine = upsample_map(raw, mask.shape)
        total = float(fine.sum(dtype=np.float64))
        if total > 0 and mask.any():
            shares[i] = float(fine[mask].sum(dtype=np.float64)) / total
    return shares


def centred_map(shape: tuple[int, ...]) -> Floats:
    """Return a Gaussian about the middle, a quarter of each edge wide: where any cell is, whatever it looks like."""
    grids = np.meshgrid(*[(np.arange(size) + 0.5) / size - 0.5 for size in shape], indexing="ij")
    return np.exp(-8.0 * sum(grid**2 for grid in grids)).astype(np.float32)
