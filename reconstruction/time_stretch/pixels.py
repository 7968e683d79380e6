"""From the light of the samples of one view to the pixels of its picture (specification B.3, step 5)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from reconstruction.kriging import Doubles
from reconstruction.lanes import LANES, about, about_met
from reconstruction.motion import FloatImage
from reconstruction.time_stretch.lattice import LINE_PLACES, SAMPLE_PLACES, Lattice

LEAST_MET = 0.25
"""A pixel is missing if less than this share of it is known."""
SHIFT = 32
WHOLE_SAMPLE, F_SHIFT = 2.0**SHIFT, SHIFT - int(math.log2(SAMPLE_PLACES))
"""A sample, and the places between two of them, as whole numbers."""


class Rows(NamedTuple):
    """Where the rows of a grid lie among the lines: row 0's place, counted in lines, and lines from a row to the next.

    Lines are counted from the first one of the light. Rows go against time: the first row is the leading edge.
    """

    first: float
    step: float


class Line(NamedTuple):
    """Where the first line's view has its middle, in the light, and samples from line to line."""

    middle: float
    period: float


@numba.njit(cache=True, nogil=True, error_model="numpy")
def estimate(
    light: FloatImage, line: Line, rows: Rows, columns: Doubles, tables: npt.NDArray[np.int64], lattice: Lattice,
    image: FloatImage,
) -> int:  # fmt: skip
    """Make every pixel of the image `(y, x)` from the samples about it; return how many are missing, which are 1.

    `columns` `(x,)` are the places of the columns in samples from the middle, `tables` `(x,)` their noise, -1 where it
    is too dark.
    """
    first, shares = lattice
    lines, n = first.shape[1], image.shape[1]
    flat, missing = first.reshape(-1), 0
    starts, phases, places = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    # Whole numbers, whose halves are a shift away, take a fraction of the time that rounding does.
    across, of_table, size = np.empty(n, np.int64), np.empty(n, np.int64), lines * LANES
    for c in range(n):
        across[c] = np.int64(math.floor(columns[c] * WHOLE_SAMPLE))
        of_table[c] = max(tables[c], 0) * LINE_PLACES * SAMPLE_PLACES * size
    for r in range(image.shape[0]):
        among = rows.first - r * rows.step
        before = math.floor(among)
        g = int((among - before) * LINE_PLACES)
        middle = np.int64(math.floor((line.middle + before * line.period) * WHOLE_SAMPLE))
        of_row = g * SAMPLE_PLACES * size
        for c in range(n):
            place = middle + across[c]
            f = (place >> F_SHIFT) & (SAMPLE_PLACES - 1)
            starts[c], phases[c] = place >> SHIFT, f * lines
            places[c] = of_table[c] + of_row + f * size
        row = image[r]
        for c in range(n):
            row[c] = about(light, starts[c], flat, phases[c], shares, places[c], lines)
        for c in range(n):
            if math.isnan(row[c]):
                total, met = about_met(light, starts[c], flat, phases[c], shares, places[c], lines)
                known = met >= np.float32(LEAST_MET) and tables[c] >= 0
                row[c] = total / met if known else np.float32(1.0)
                missing += 0 if known else 1
    return missing
