"""An image at the pixels of another one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.real_images.raw import Floats


def at_pixels(
    image: Floats,
    centre_px: tuple[float, float],
    pixel_um: tuple[float, float],
    n: int,
    centre_um: tuple[float, float],
    view_pixel_um: float,
) -> Floats:
    """Return an image that is 0 outside at the `(n, n)` pixels of a view, cubic, averaged where they are coarser.

    Parameters
    ----------
    image
        `(rows, cols)` float32.
    centre_px
        Row and column of its centre.
    pixel_um
        Its pitch along rows and columns.
    centre_um
        Where its centre is in the view, against the view's middle.
    """
    rows = _weights(n, centre_um[0], view_pixel_um, image.shape[0], centre_px[0], pixel_um[0])
    cols = _weights(n, centre_um[1], view_pixel_um, image.shape[1], centre_px[1], pixel_um[1])
    return np.asarray(rows @ image @ cols.T, dtype=np.float32)


def _weights(n: int, centre_um: float, view_um: float, size: int, centre_px: float, pixel_um: float) -> Floats:
    """Weight of each of `size` pixels in each of `n` others."""
    place = ((np.arange(n) + 0.5 - n / 2) * view_um - centre_um) / pixel_um + centre_px
    widening = max(1.0, view_um / pixel_um)
    weights = _cubic((place[:, None] - np.arange(size)) / widening) / widening
    return np.asarray(weights, dtype=np.float32)


def _cubic(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Kernel of cubic convolution (Keys 1981, a = -1/2)."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
