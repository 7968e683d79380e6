"""Illumination along a line: what a pulse looks like when nothing stands in the light (specification B.2 and B.4)."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Kind = Literal["broad", "two-lobed"]

TABLE_BINS = 4096
RESPONSE_REACH = 4.0
"""Standard deviations of the detector's impulse response after which it is taken as 0."""

_LOBES = (
    (0.1441, -0.4199, 0.0540),
    (0.3733, -0.2375, 0.0419),
    (1.0295, -0.1491, 0.0387),
    (0.9633, -0.0657, 0.0137),
    (0.5666, -0.0197, 0.0137),
    (0.4175, 0.0395, 0.0470),
    (0.2272, 0.2382, 0.0230),
    (0.1562, 0.3161, 0.0226),
    (0.0902, 0.4187, 0.0750),
)
"""Heights, places and standard deviations, in widths of the line, of the Gaussians that add up to the pulse of the
public ATOM record: fitted to the median of its empty lines, with the clipped samples of the peak taken as lower bounds
(so that the height of the peak, 12 % above the converter's end, is an assumption), and the response of a 2 GHz
photodiode at 5 GS/s (0.35 samples) taken out again. The places count from the middle of what is above 5 % of the
peak."""
_BROAD_PEAK = 0.980997
"""Height of the formula of the broad pulse at its peak."""
_REACH = {"broad": (-0.5, 0.5), "two-lobed": (-0.72, 0.72)}


class LineTable(NamedTuple):
    """A pulse along the line, tabulated evenly.

    Attributes
    ----------
    optical, detected
        `(TABLE_BINS,)` float32: the light, and what the detector makes of it; the peak of the light is 1.
    begin_samples
        Where the table begins, against the middle of the field.
    length_samples
        How many samples it covers.
    """

    optical: Floats
    detected: Floats
    begin_samples: float
    length_samples: float


def line_table(kind: Kind, width_samples: float, response_samples: float = 0.0) -> LineTable:
    """Tabulate a pulse.

    Parameters
    ----------
    kind
        `broad` has soft edges and two shallow lobes across the whole width; `two-lobed` is the pulse of the ATOM
        record, of which `width_samples` are above 5 % of the peak and about a quarter of that above 50 %.
    width_samples
        Width of the field.
    response_samples
        Standard deviation of the detector's impulse response.
    """
    low, high = _REACH[kind]
    tail = RESPONSE_REACH * response_samples
    begin, end = low * width_samples - tail, high * width_samples + tail
    length = end - begin
    place = begin + (np.arange(TABLE_BINS) + 0.5) * length / TABLE_BINS
    shape = _broad(place / width_samples) if kind == "broad" else _two_lobed(place / width_samples)
    detected = shape
    if response_samples > 0:
        reach = math.ceil(tail / length * TABLE_BINS)
        distance = np.arange(-reach, reach + 1) * length / TABLE_BINS / response_samples
        response = np.exp(-0.5 * distance**2)
        detected = np.convolve(np.pad(shape, reach), response / response.sum(), mode="valid")
    return LineTable(shape.astype(np.float32), detected.astype(np.float32), begin, length)


def _broad(u: Doubles) -> Doubles:
    """Height at places from -1/2 to 1/2 of the width: an assumption, with soft edges as real sources have."""
    v = u + 0.5
    edges = np.clip(v / 0.08, 0, 1) * np.clip((1 - v) / 0.08, 0, 1)
    lobes = 0.72 + 0.20 * np.sin(2 * np.pi * (1.5 * v + 0.1)) + 0.08 * np.sin(2 * np.pi * 5 * v + 1.0)
    return np.asarray(np.sin(0.5 * np.pi * edges) ** 2 * lobes / _BROAD_PEAK, dtype=np.float64)


def _two_lobed(u: Doubles) -> Doubles:
    height, place, spread = np.array(_LOBES).T[:, :, np.newaxis]
    return np.asarray(np.sum(height * np.exp(-0.5 * ((u - place) / spread) ** 2), axis=0), dtype=np.float64)
