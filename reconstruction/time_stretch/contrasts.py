"""What knife-edge views tell together: absorption, the slope of the phase along an axis, and phase (B.5)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from reconstruction.images import RADIANS, RELATIVE, SLOPE, ImageUnit
from reconstruction.motion import FloatImage
from reconstruction.time_stretch.phase import integrate_slopes
from reconstruction.time_stretch.views import views_of

DIMMEST = 0.1
"""Pixels where both views of a pair together have less than this share of their empty light tell no slope."""


class Contrast(StrEnum):
    """Images that no view shows by itself."""

    ABSORPTION = "absorption"
    """Mean of the two views of every pair, relative to empty (1 = empty): knife edges cancel, and absorption stays."""
    GRADIENT_X = "gradient_x"
    """Slope of the phase across the flow, radians per um: positive where the phase rises with x."""
    GRADIENT_Y = "gradient_y"
    """Slope of the phase along the flow, radians per um: positive where the phase rises with y."""
    PHASE = "phase"
    """Delay of the light, radians, 0 in the empty surround; positive behind what is optically denser than water."""


_UNITS = {
    Contrast.ABSORPTION: RELATIVE,
    Contrast.GRADIENT_X: SLOPE,
    Contrast.GRADIENT_Y: SLOPE,
    Contrast.PHASE: RADIANS,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Names of the two views whose knife edges stand opposite each other: what rises is bright in the first."""

    rising: str
    falling: str


class Contrasts:
    """The contrasts that the views of an instrument allow.

    Two views that look from either side give absorption and one gradient; four give both gradients and the phase.

    Parameters
    ----------
    instrument
        A time stretch. Of views with the same knife edge, the first counts; of channels of lines as well.

    Raises
    ------
    ConfigError
        If the instrument is no time stretch, or a view has the name of a contrast.
    """

    def __init__(self, instrument: Instrument) -> None:
        optics = instrument.time_stretch
        self.steepest_rad_per_um = 2.0 * math.pi * optics.aperture / (optics.wavelength_nm * 1e-3)
        """Slope that the aperture just passes: NA 2 pi / wavelength."""
        # Names of the first channel's views come first, and in the order of the views.
        names = [place.name for place in views_of(instrument)]
        by_edge: dict[str, str] = {}
        for view, name in zip(optics.views, names, strict=False):
            by_edge.setdefault(view.edge, name)
        found = {axis: _pair(by_edge, axis) for axis in ("x", "y")}
        self.pairs: dict[str, Pair] = {axis: pair for axis, pair in found.items() if pair is not None}
        """By axis, where the instrument has both views."""
        taken = [name for name in self.names if name in names]
        if taken:
            raise ConfigError(
                f"The instrument '{instrument.name}' has a view named '{taken[0]}', which is the name of an image made "
                "of several views: give the view another name."
            )

    @property
    def names(self) -> tuple[Contrast, ...]:
        """What can be made."""
        if not self.pairs:
            return ()
        gradients = tuple(Contrast(f"gradient_{axis}") for axis in self.pairs)
        return (Contrast.ABSORPTION, *gradients, *((Contrast.PHASE,) if len(self.pairs) == 2 else ()))

    @property
    def units(self) -> dict[str, ImageUnit]:
        """What they are measured in."""
        return {name: _UNITS[name] for name in self.names}

    def views(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the views that these contrasts are made of."""
        axes = {name[-1] for name in asked if name in (Contrast.GRADIENT_X, Contrast.GRADIENT_Y)}
        every = Contrast.ABSORPTION in asked or Contrast.PHASE in asked
        pairs = [pair for axis, pair in self.pairs.items() if every or axis in axes]
        return tuple(name for pair in pairs for name in (pair.rising, pair.falling))

    def make(self, views: Mapping[str, FloatImage], made: Mapping[str, FloatImage], pixel_um: float) -> None:
        """Fill the contrasts in `made`, by name, `(y, x)` float32 each.

        Parameters
        ----------
        views
            By name, at least `self.views(made)`, `(y, x)` float32, each relative to its own empty light.
        made
            By name of the contrast, what to fill; other names are left alone.
        pixel_um
            Edge of a pixel.
        """
        if Contrast.ABSORPTION in made:
            made[Contrast.ABSORPTION][:] = absorption([views[name] for name in self.views([Contrast.ABSORPTION])])
        wanted = self.pairs if Contrast.PHASE in made else [a for a in self.pairs if f"gradient_{a}" in made]
        slopes = {axis: self._slope(views, self.pairs[axis]) for axis in wanted}
        for axis, slope in slopes.items():
            if f"gradient_{axis}" in made:
                made[f"gradient_{axis}"][:] = slope
        if Contrast.PHASE in made:
            made[Contrast.PHASE][:] = integrate_slopes(slopes["x"], slopes["y"], pixel_um)

    def _slope(self, views: Mapping[str, FloatImage], pair: Pair) -> FloatImage:
        return phase_slope(views[pair.rising], views[pair.falling], self.steepest_rad_per_um)


def _pair(by_edge: Mapping[str, str], axis: str) -> Pair | None:
    """Return the views that stand opposite each other along an axis, if there are both."""
    rising, falling = by_edge.get(f"+{axis}"), by_edge.get(f"-{axis}")
    return Pair(rising, falling) if rising and falling else None


def absorption(views: Sequence[FloatImage]) -> FloatImage:
    """Return the mean of whole pairs of views, each relative to empty: (I+ + I-) / 2, `(y, x)` float32."""
    return np.asarray(np.mean(views, axis=0, dtype=np.float32))


def phase_slope(rising: FloatImage, falling: FloatImage, steepest_rad_per_um: float) -> FloatImage:
    """Return the slope of the phase from two views with opposite knife edges.

    NA (I+ - I-) / (I+ + I-) is the angle of the rays, and 2 pi / wavelength turns it into the slope of the phase
    (source: specification B.5). Both views are relative to their own empty light, not scaled by what they show, so
    that the slope is what it is. Light of the laser pulse and absorption cancel.

    Parameters
    ----------
    rising, falling
        `(y, x)` float32, relative to empty: brighter, and darker, where the phase rises.
    steepest_rad_per_um
        NA 2 pi / wavelength; the slope of a cell cannot be seen to be more.

    Returns
    -------
    ndarray
        `(y, x)` float32, radians per um; 0 where both are dark.
    """
    both = rising + falling
    share = (rising - falling) / np.maximum(both, np.float32(2.0 * DIMMEST))
    share[both < 2.0 * DIMMEST] = 0.0
    return np.asarray(np.clip(share, -1.0, 1.0) * np.float32(steepest_rad_per_um), dtype=np.float32)
