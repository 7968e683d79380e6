"""What many cells look like together: histograms, densities, counts over time and of gates, however many cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import QueryError
from service.gates.scales import Linear, Scale, number
from service.gates.where import ColumnKind, Condition
from service.store.cell_query import CellQuery

MOST_BINS = 1024
MOST_GROUPS = 64
MOST_STEPS = 10_000
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
class Edges:
    """A binning with both of its ends known, on its scale."""

    binning: Binning
    low: float
    high: float

    @property
    def place(self) -> str:
        """SQL of where a cell lies on the scale."""
        return self.binning.scale.sql(f'"{self.binning.column}"')

    @property
    def inside(self) -> str:
        """SQL of whether a cell is in one of the bins."""
        return f"{self.place} >= {number(self.low)} AND {self.place} <= {number(self.high)}"

    @property
    def bin(self) -> str:
        """SQL of the number of the bin of a cell that is in one."""
        width = number(self.binning.bins / (self.high - self.low))
        return f"least(floor(({self.place} - {number(self.low)}) * {width})::INTEGER, {self.binning.bins - 1})"

    @property
    def values(self) -> list[float]:
        """Return where the bins begin, and the last one ends, on the scale."""
        edges: list[float] = np.linspace(self.low, self.high, self.binning.bins + 1).tolist()
        return edges


@dataclass(frozen=True)
class Histogram:
    """Cells by bin.

    Attributes
    ----------
    edges
        Of the bins, on the scale; one more than counts.
    counts
        Cells in each bin.
    outside
        Cells beyond the ends, and those whose value the scale cannot show.
    unmeasured
        Cells without a value.
    """

    edges: list[float]
    counts: list[int]
    outside: int
    unmeasured: int


@dataclass(frozen=True)
class Density:
    """Cells by bin of two columns; `counts` is `(n_y, n_x)` int64, `outside` are all cells in none of the bins."""

    x_edges: list[float]
    y_edges: list[float]
    counts: npt.NDArray[np.int64]
    outside: int


@dataclass(frozen=True)
class Step:
    """How many cells of one kind there were in one stretch of a run's time."""

    epoch: int
    start_s: float
    group: str
    cells: int


class Statistics:
    """Answers from all cells of a run that a filter lets through."""

    def __init__(self, query: CellQuery) -> None:
        self._query = query

    def histogram(self, binning: Binning, where: str | None = None) -> Histogram:
        """Return the cells by bin; raises `QueryError` if there is no such column, bin or filter."""
        condition = self._query.condition(where)
        edges = self._edges([binning], condition)[0]
        counts = self._counts(edges.bin, edges.inside, edges.binning.bins, condition)
        column = f'count(*) AS cells, count("{binning.column}") AS measured'
        every = self._query.rows(f"SELECT {column} FROM cells WHERE {{condition}}", condition)
        cells, measured = (every[0]["cells"], every[0]["measured"]) if every else (0, 0)
        return Histogram(edges.values, counts.tolist(), measured - int(counts.sum()), cells - measured)

    def density(self, x: Binning, y: Binning, where: str | None = None) -> Density:
        """Return the cells by bin of two columns; raises `QueryError` as `histogram` does."""
        condition = self._query.condition(where)
        over_x, over_y = self._edges([x, y], condition)
        inside = f"{over_x.inside} AND {over_y.inside}"
        # One key instead of two: grouping is most of the work.
        counts = self._counts(f"{over_y.bin} * {x.bins} + {over_x.bin}", inside, x.bins * y.bins, condition)
        cells = self._query.rows("SELECT count(*) AS cells FROM cells WHERE {condition}", condition)
        outside = (cells[0]["cells"] if cells else 0) - int(counts.sum())
        return Density(over_x.values, over_y.values, counts.reshape(y.bins, x.bins), outside)

    def over_time(self, by: str, seconds: float, where: str | None = None) -> list[Step]:
        """Return how many cells of each kind came in every stretch of time, in order.

        Parameters
        ----------
        by
            A column of texts or whole numbers with at most 64 values: class, cluster, conformal, flags.
        seconds
            How long a stretch is, on the sample clock.
        where
            Filter, see `parse_where`.

        Raises
        ------
        QueryError
            If any of these does not make sense, or if there would be more than 10,000 stretches.
        """
        if not 0 < seconds <= 1e7:
            raise QueryError("A stretch of time lasts more than 0 and at most 1e7 seconds.")
        condition = self._query.condition(where)
        columns = self._query.columns()
        if not columns:
            return []
        if by not in columns:
            raise QueryError(f"There is no column '{by}' to count by; the run lists its columns.")
        groups = self._query.rows(f'SELECT count(DISTINCT "{by}") AS n, max(time_s) AS last FROM cells')[0]
        if groups["n"] > MOST_GROUPS:
            raise QueryError(f"The column '{by}' has more than {MOST_GROUPS} values; count by class or cluster.")
        if (groups["last"] or 0.0) / seconds > MOST_STEPS:
            raise QueryError(f"That would be more than {MOST_STEPS} stretches of time; ask for longer ones.")
        rows = self._query.rows(
            f'SELECT epoch, floor(time_s / {number(seconds)}) AS step, "{by}"::VARCHAR AS kind, count(*) AS cells '
            "FROM cells WHERE {condition} GROUP BY ALL ORDER BY ALL",
            condition,
        )
        return [Step(row["epoch"], row["step"] * seconds, row["kind"] or "", row["cells"]) for row in rows]

    def in_gates(self, names: list[str], where: str | None = None) -> dict[str, int]:
        """Return how many cells are in each gate, in one pass; raises `QueryError` if there is no such gate."""
        condition = self._query.condition(where)
        if not names:
            return {}
        if not self._query.columns():
            return dict.fromkeys(names, 0)
        gates = [self._query.condition(f"gate = '{name}'") for name in names]
        counts = ", ".join(f"count(*) FILTER (WHERE {gate.sql}) AS g{i}" for i, gate in enumerate(gates))
        every = Condition(
            condition.sql, (*(value for gate in gates for value in gate.parameters), *condition.parameters)
        )
        row = self._query.rows(f"SELECT {counts} FROM cells WHERE " + "{condition}", every)[0]
        return {name: int(row[f"g{i}"]) for i, name in enumerate(names)}

    def _counts(self, bin_: str, inside: str, bins: int, condition: Condition) -> npt.NDArray[np.int64]:
        sql = f"SELECT {bin_} AS bin, count(*) AS cells FROM cells WHERE {{condition}} AND {inside} GROUP BY bin"
        counts = np.zeros(bins, np.int64)
        for row in self._query.rows(sql, condition):
            counts[row["bin"]] = row["cells"]
        return counts

    def _edges(self, binnings: list[Binning], condition: Condition) -> list[Edges]:
        columns = self._query.columns()
        for binning in binnings:
            if columns and columns.get(binning.column) is not ColumnKind.NUMBER:
                raise QueryError(f"There is no column '{binning.column}' of numbers; the run lists its columns.")
            if not 1 <= binning.bins <= MOST_BINS:
                raise QueryError(f"A column is cut into 1 to {MOST_BINS} bins, not {binning.bins}.")
        ends = [f"min({place}), max({place})" for place in (b.scale.sql(f'"{b.column}"') for b in binnings)]
        found: list[Any] = [None, None] * len(binnings)
        if columns and any(b.low is None or b.high is None for b in binnings):
            found = list(
                self._query.rows(f"SELECT {', '.join(ends)} FROM cells WHERE {{condition}}", condition)[0].values()
            )
        return [_closed(binning, *found[2 * i : 2 * i + 2]) for i, binning in enumerate(binnings)]


def _closed(binning: Binning, least: float | None, most: float | None) -> Edges:
    low = least if binning.low is None else binning.scale.of(binning.low)
    high = most if binning.high is None else binning.scale.of(binning.high)
    low = 0.0 if low is None else float(low)
    high = low + 1.0 if high is None else float(high)
    if math.isnan(low) or math.isnan(high):
        raise QueryError(f"The scale cannot show where the bins of '{binning.column}' begin or end; begin above 0.")
    if high < low or (high == low and None not in (binning.low, binning.high)):
        raise QueryError(f"The bins of '{binning.column}' must begin below their end.")
    # All cells alike: one bin's width around them.
    return Edges(binning, low, high) if high > low else Edges(binning, low - 0.5, high + 0.5)
