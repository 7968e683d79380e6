"""Knife-edge views: half of the aperture is blocked, and what is left shows the slope of the phase (B.5)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from simulator.cells.specimen import Field

Floats = npt.NDArray[np.float32]
Edge = Literal["none", "+x", "-x", "+y", "-y"]

LIGHT_SHARE = {"none": 1.0, "+x": 0.5, "-x": 0.5, "+y": 0.5, "-y": 0.5}
"""Light of a view when nothing stands in it, against the brightfield's: a knife edge takes half of it."""


def phase_slope(amplitude: Field, axis: int, pixel_um: float) -> Floats:
    """Slope of the phase of an image `(n, n)` along rows (axis 0) or columns (axis 1), radians per um, float32.

    It is the angle between the pixels to either side, so that nothing has to be unwrapped. An objective passes
    slopes of up to 2 pi NA / wavelength only; the angle tells them apart as long as two pixels are shorter than half
    the wavelength over NA. The outermost pixels, which have a neighbour on one side only, take the slope there as 0.
    """
    along = np.moveaxis(amplitude, axis, 0)
    slope = np.zeros(along.shape, dtype=np.float32)
    slope[1:-1] = np.angle(along[2:] * np.conj(along[:-2])) / np.float32(2.0 * pixel_um)
    return np.ascontiguousarray(np.moveaxis(slope, 0, axis))


def view_picture(amplitude: Field, edge: Edge, wavelength_nm: float, aperture: float, pixel_um: float) -> Floats:
    """Return what a view shows of a cell, `(n, n)` float32, relative to its light when nothing stands in it.

    The brightfield T is the square of the amplitude in the image plane, diffraction and defocus included. A knife
    edge is taken as geometric optics takes it: I = 1/2 I0 T (1 +- clip(theta / NA, -1, 1)) with the angle of the
    rays theta = (wavelength / 2 pi) dphi/dx, phi the phase of that amplitude (source: specification B.5). The view
    `+x` brightens where the phase rises with x.
    """
    seen = np.asarray(amplitude.real**2 + amplitude.imag**2, dtype=np.float32)
    if edge == "none":
        return seen
    angle = phase_slope(amplitude, "yx".index(edge[1]), pixel_um) * np.float32(wavelength_nm * 1e-3 / (2 * np.pi))
    sign = np.float32(1.0 if edge[0] == "+" else -1.0)
    return np.asarray(seen * (1 + sign * np.clip(angle / np.float32(aperture), -1, 1)), dtype=np.float32)
