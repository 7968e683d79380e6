"""What is shown of an image: a slice or projection of a volume, and which values are black and white."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import Depends, Query

from inference.saliency import image_png
from reconstruction.images import ImageUnit
from service.errors import QueryError

Floats = npt.NDArray[np.float32]
SHOWN_PERCENT = 99.5
"""Of the pixels, that lie within the grey scale where nothing else is asked for."""


class Axis(StrEnum):
    """Of a volume."""

    Z = "z"
    Y = "y"
    X = "x"


class Projection(StrEnum):
    """What becomes of a volume along an axis."""

    MAX = "max"
    MEAN = "mean"


@dataclass(frozen=True)
class View:
    """One plane of a volume: a slice, or all of it along an axis.

    Attributes
    ----------
    z
        The slice, None for a projection.
    projection, axis
        How volumes are flattened, and along what; None where it was not said.
    """

    z: int | None = None
    projection: Projection | None = None
    axis: Axis | None = None

    @property
    def asked(self) -> bool:
        """Whether anything was said of it."""
        return (self.z, self.projection, self.axis) != (None, None, None)

    def check(self, name: str, *, flat: bool) -> None:
        """Check that it makes sense for images of this name.

        Raises
        ------
        QueryError
            If it does not.
        """
        if flat and self.asked:
            raise QueryError(f"'{name}' is a flat image and has no slices; leave 'z', 'projection' and 'axis' out.")
        if self.z is not None and (self.projection or self.axis):
            raise QueryError("Ask either for a slice, 'z', or for a projection.")

    def of(self, volume: Floats) -> Floats:
        """Return the plane of a volume `(z, y, x)`: without any wish its maximum along x, axes z and y.

        Raises
        ------
        QueryError
            If there is no such slice.
        """
        if self.z is None:
            flatten = np.mean if self.projection is Projection.MEAN else np.max
            return np.asarray(flatten(volume, axis="zyx".index(self.axis or Axis.X)), dtype=np.float32)
        if self.z >= volume.shape[0]:
            raise QueryError(f"The volume has the slices 0 to {volume.shape[0] - 1}; there is no slice {self.z}.")
        return np.asarray(volume[self.z], dtype=np.float32)


async def view(
    z: Annotated[int | None, Query(ge=0, le=1024, description="Slice of a volume")] = None,
    projection: Annotated[Projection | None, Query(description="Of a volume along `axis`; max without it")] = None,
    axis: Annotated[Axis | None, Query(description="Axis that a volume is projected along; x without it")] = None,
) -> View:
    """Return what the query asks to be seen of a volume."""
    return View(z, projection, axis)


@dataclass(frozen=True)
class Contrast:
    """Which values are black and white in a picture, and how grey lies between them; None lets the image decide.

    Attributes
    ----------
    low, high
        Value shown black, and value shown white.
    gamma
        Grey is the place between them to the power 1/gamma: above 1, what is dim is brighter.
    percentile
        Of the image's values, shown white; as many are shown black. Where values below 0 mean something, 0 is the
        middle grey, and it is that of their size.
    """

    low: float | None = None
    high: float | None = None
    gamma: float | None = None
    percentile: float | None = None

    @property
    def asked(self) -> bool:
        """Whether anything was said of it."""
        return (self.low, self.high, self.gamma, self.percentile) != (None, None, None, None)

    def png(self, image: Floats, unit: ImageUnit) -> bytes:
        """Return a flat image in grey."""
        low, high = self.low, self.high
        share = self.percentile or SHOWN_PERCENT
        if (low, high) == (None, None) and unit.signed:
            high = max(float(np.percentile(np.abs(image), share)), unit.least_shown)
            low = -high
        elif self.percentile is not None:
            low, high = (float(value) for value in np.percentile(image, [100 - share, share]))
        return image_png(image, low, high, self.gamma or 1.0)


_Value = Annotated[float | None, Query(ge=-1e30, le=1e30, allow_inf_nan=False)]


async def contrast(
    low: Annotated[_Value, Query(description="Value shown black")] = None,
    high: Annotated[_Value, Query(description="Value shown white")] = None,
    gamma: Annotated[float | None, Query(ge=0.1, le=10, description="Above 1, what is dim is brighter")] = None,
    percentile: Annotated[
        float | None, Query(gt=50, le=100, description="Of the image's values, shown white; as many are black")
    ] = None,
) -> Contrast:
    """Return the contrast that the query asks for.

    Raises
    ------
    QueryError
        If it does not make sense.
    """
    if low is not None and high is not None and low >= high:
        raise QueryError("'low' must be below 'high'.")
    if percentile is not None and (low, high) != (None, None):
        raise QueryError("Say which values are black and white, or which percentile is; not both.")
    return Contrast(low, high, gamma, percentile)


ViewOf = Annotated[View, Depends(view)]
ContrastOf = Annotated[Contrast, Depends(contrast)]
