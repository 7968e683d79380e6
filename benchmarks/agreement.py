"""How alike an image and its truth are, and where one stands against the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

FARTHEST_UM = 2.0
"""Largest way that a truth is moved to its image."""


def correlation(image: Floats, ideal: Floats) -> float:
    """Pearson correlation of all pixels."""
    return float(np.corrcoef(image.ravel(), ideal.ravel())[0, 1])


def moved_um(image: Floats, ideal: Floats, empty: float, pixel_um: float) -> tuple[float, float]:
    """Where an image `(z, y, ...)` stands against the ideal one, `(z, y)`, to a fraction of a pixel.

    The maximum of the cross-correlation along both, between pixels by a quadratic; `empty` is the level of both where
    there is no cell.
    """
    size = (2 * image.shape[0], 2 * image.shape[1])
    a, b = (np.fft.rfft2(np.atleast_3d(picture) - empty, size, axes=(0, 1)) for picture in (image, ideal))
    products = np.fft.irfft2((a * np.conj(b)).sum(axis=2), size)
    reach = round(FARTHEST_UM / pixel_um)
    near = np.roll(products, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    i, j = (int(k) for k in np.unravel_index(near[1:-1, 1:-1].argmax(), (2 * reach - 1, 2 * reach - 1)))
    patch = near[i : i + 3, j : j + 3]
    slope = 0.5 * np.array([patch[2, 1] - patch[0, 1], patch[1, 2] - patch[1, 0]])
    mixed = 0.25 * (patch[2, 2] - patch[2, 0] - patch[0, 2] + patch[0, 0])
    bend_z, bend_y = patch[:, 1].sum() - 3 * patch[1, 1], patch[1].sum() - 3 * patch[1, 1]
    z, y = np.array([i, j]) + 1 - reach - np.linalg.solve([[bend_z, mixed], [mixed, bend_y]], slope)
    return float(z * pixel_um), float(y * pixel_um)
