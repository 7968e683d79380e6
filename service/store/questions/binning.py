"""How columns are cut into bins, and the compiled counting of what lies in each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from service.errors import QueryError
from service.gates.scales import Linear, Scale
from service.store.questions.column_values import Numbers

MOST_BINS = 1024
_LINEAR = Linear()


@dataclass(frozen=True)
class Binning:
    """How one column is cut into bins of equal width on a scale.

    Attributes
    ----------
    column
        A column of numbers.
    bins
        How many, 1 to 1024.
    scale
        What the bins are equally wide on.
    low, high
        Where the first begins and the last ends, in the column's unit; None lets the cells decide. The last bin holds
        its upper end too.
    """

    column: str
    bins: int = 100
    scale: Scale = _LINEAR
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Extent:
    """What one look at the values of a column told.

    Attributes
    ----------
    measured
        How many there are.
    least, most
        Where they begin and end on the scale; NaN where it can show none of them.
    """

    measured: int = 0
    least: float = math.nan
    most: float = math.nan

    @classmethod
    def of(cls, values: Numbers, binning: Binning) -> Extent:
        """Look at values, `(n,)`, NaN where there is none."""
        measured, least, most = _extent(values, *binning.scale.numbers)
        return cls(int(measured), float(least), float(most))

    def __add__(self, other: Extent) -> Extent:
        least, most = np.fmin(self.least, other.least), np.fmax(self.most, other.most)
        return Extent(self.measured + other.measured, float(least), float(most))


@dataclass(frozen=True)
class Edges:
    """A binning with both of its ends known, on its scale."""

    binning: Binning
    low: float
    high: float

    @classmethod
    def of(cls, binning: Binning, extent: Extent) -> Edges:
        """Return the edges that are asked for, or those of the cells.

        Raises
        ------
        QueryError
            If no bins fit in between.
        """
        low = extent.least if binning.low is None else binning.scale.of(binning.low)
        high = extent.most if binning.high is None else binning.scale.of(binning.high)
        if math.isnan(low) and binning.low is None:
            low = 0.0
        if math.isnan(high) and binning.high is None:
            high = low + 1.0
        if math.isnan(low) or math.isnan(high):
            raise QueryError(f"The scale cannot show where the bins of '{binning.column}' begin or end; begin above 0.")
        if high < low or (high == low and None not in (binning.low, binning.high)):
            raise QueryError(f"The bins of '{binning.column}' must begin below their end.")
        # All cells alike: one bin's width around them.
        return cls(binning, low, high) if high > low else cls(binning, low - 0.5, high + 0.5)

    @property
    def values(self) -> list[float]:
        """Where the bins begin, and the last one ends, on the scale."""
        edges: list[float] = np.linspace(self.low, self.high, self.binning.bins + 1).tolist()
        return edges


def count(values: tuple[Numbers, ...], edges: tuple[Edges, ...]) -> npt.NDArray[np.int64]:
    """Count values in the bins of one column, `(bins,)`, or of two, `(bins of the first, bins of the second)`."""
    shape = tuple(one.binning.bins for one in edges)
    counts = np.zeros(shape if len(shape) == 2 else (*shape, 1), np.int64)
    places = [
        _bins(column, *one.binning.scale.numbers, one.low, one.high, one.binning.bins)
        for column, one in zip(values, edges, strict=True)
    ]
    _tally(places[0], places[1] if len(places) == 2 else np.zeros_like(places[0]), counts)
    return counts.reshape(shape)


def warm() -> None:
    """Compile the counting."""
    one = Edges(Binning("a", 2), 0.0, 1.0)
    for kind in (np.float32, np.float64):
        values = np.zeros(1, kind)
        Extent.of(values, one.binning)
        count((values,), (one,))


@numba.njit(cache=True, nogil=True)
def _place(value, kind, a, b, c):  # type: ignore[no-untyped-def]
    if kind == 0:
        return value
    if kind == 1:
        return math.log10(value / a) / b + 1.0 if value > 0 else math.nan
    return (math.asinh(value * a) + b) / c


@numba.njit(cache=True, nogil=True)
def _extent(values, kind, a, b, c):  # type: ignore[no-untyped-def]
    measured, least, most = 0, math.inf, -math.inf
    for k in range(values.size):
        value = float(values[k])
        if not math.isnan(value):
            measured += 1
            place = _place(value, kind, a, b, c)
            # What is not finite can be in no bin.
            if -math.inf < place < math.inf:
                least = min(least, place)
                most = max(most, place)
    if least > most:
        return measured, math.nan, math.nan
    return measured, least, most


@numba.njit(cache=True, nogil=True)
def _bins(values, kind, a, b, c, low, high, bins):  # type: ignore[no-untyped-def]
    found = np.empty(values.size, np.int16)
    per_unit = bins / (high - low)
    for k in range(values.size):
        place = _place(float(values[k]), kind, a, b, c)
        inside = low <= place <= high
        found[k] = min(int((place - low) * per_unit), bins - 1) if inside else -1
    return found


@numba.njit(cache=True, nogil=True)
def _tally(rows, columns, counts):  # type: ignore[no-untyped-def]
    for k in range(rows.size):
        if rows[k] >= 0 and columns[k] >= 0:
            counts[rows[k], columns[k]] += 1
