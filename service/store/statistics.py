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
from service.store.part_table import TableSnapshot

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
        """SQL of the number of the bin of a cell that is in one; of one on the upper end, one more than the last."""
        width = number(self.binning.bins / (self.high - self.low))
        return f"trunc(({self.place} - {number(self.low)}) * {width})"

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


@dataclass(frozen=True)
class _Survey:
    """The cells that a question is about, and what one look at them told."""

    snapshot: TableSnapshot
    condition: Condition
    cells: int
    measured: tuple[int, ...]
    edges: tuple[Edges, ...]
    whole: bool
    """Whether all of them are in one of the bins."""


class Statistics:
    """Answers from all cells of a run that a filter lets through."""

    def __init__(self, query: CellQuery) -> None:
        self._query = query

    def histogram(self, binning: Binning, where: str | None = None) -> Histogram:
        """Return the cells by bin; raises `QueryError` if there is no such column, bin or filter."""
        found = self._survey([binning], where)
        counts = self._counts(found)
        return Histogram(
            edges=found.edges[0].values,
            counts=counts.tolist(),
            outside=found.measured[0] - int(counts.sum()),
            unmeasured=found.cells - found.measured[0],
        )

    def density(self, x: Binning, y: Binning, where: str | None = None) -> Density:
        """Return the cells by bin of two columns; raises `QueryError` as `histogram` does."""
        found = self._survey([y, x], where)
        over_y, over_x = found.edges
        counts = self._counts(found)
        return Density(over_x.values, over_y.values, counts, found.cells - int(counts.sum()))

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

    def _survey(self, binnings: list[Binning], where: str | None) -> _Survey:
        """Look once at all cells: how many there are, how many have a value, and where the bins begin and end."""
        condition, columns = self._query.condition(where), self._query.columns()
        for binning in binnings:
            if columns and columns.get(binning.column) is not ColumnKind.NUMBER:
                raise QueryError(f"There is no column '{binning.column}' of numbers; the run lists its columns.")
            if not 1 <= binning.bins <= MOST_BINS:
                raise QueryError(f"A column is cut into 1 to {MOST_BINS} bins, not {binning.bins}.")
        asked = ["count(*)"]
        for binning in binnings:
            place = binning.scale.sql(f'"{binning.column}"')
            asked += [f'count("{binning.column}")', f"min({place})", f"max({place})"]
        snapshot = self._query.snapshot()
        named = ", ".join(f"{one} AS a{i}" for i, one in enumerate(asked))
        sql = f"SELECT {named} FROM cells WHERE {{condition}}"
        row: list[Any] = [0, *[0, None, None] * len(binnings)]
        if columns:
            row = list(self._query.rows(sql, condition, snapshot)[0].values())
        cells, found = int(row[0]), row[1:]
        ends = [found[3 * i + 1 : 3 * i + 3] for i in range(len(binnings))]
        edges = tuple(_closed(binning, *end) for binning, end in zip(binnings, ends, strict=True))
        whole = all(
            measured == cells and end[0] is not None and one.low <= end[0] and end[1] <= one.high
            for one, end, measured in zip(edges, ends, found[::3], strict=True)
        )
        return _Survey(snapshot, condition, cells, tuple(found[::3]), edges, whole)

    def _counts(self, found: _Survey) -> npt.NDArray[np.int64]:
        """Count the cells in every bin, an axis for each column; numpy counts faster than a database groups."""
        # A bin more along each axis, for what lies on the upper end.
        shape = tuple(one.binning.bins + 1 for one in found.edges)
        counts = np.zeros(shape, np.int64)
        if found.cells:
            first, *rest = (one.bin for one in found.edges)
            place = first
            for one, size in zip(rest, shape[1:], strict=True):
                place = f"({place}) * {number(size)} + {one}"
            inside = "" if found.whole else "".join(f" AND {one.inside}" for one in found.edges)
            sql = f"SELECT ({place})::INTEGER AS bin FROM cells WHERE {{condition}}{inside}"
            bins = self._query.column(sql, found.condition, found.snapshot)
            counts += np.bincount(bins, minlength=counts.size).reshape(shape)
        for axis in range(counts.ndim):
            last = np.take(counts, [-1], axis)
            counts = np.delete(counts, -1, axis)
            counts[(slice(None),) * axis + (slice(-1, None),)] += last
        return counts


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
