"""What many cells look like together: histograms, densities, counts over time and of gates, however many cells."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from service.errors import QueryError
from service.gates.scales import number
from service.gates.where import ColumnKind, Condition
from service.store.questions.binning import MOST_BINS, Binning, Edges, Extent, count
from service.store.questions.cell_query import CellQuery
from service.store.questions.column_values import Piece

MOST_GROUPS = 64
MOST_STEPS = 10_000
TOO_MANY = f"The column '{{}}' has more than {MOST_GROUPS} values; count by class or cluster."
_THREADS = 2


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
class Kind:
    """Cells of one kind, and mean and standard deviation of a column over those that have a finite value in it."""

    kind: str
    cells: int
    mean: float | None
    deviation: float | None


class Statistics:
    """Answers from all cells of a run that a filter lets through."""

    def __init__(self, query: CellQuery) -> None:
        self._query = query

    def histogram(self, binning: Binning, where: str | None = None) -> Histogram:
        """Return the cells by bin; raises `QueryError` if there is no such column, bin or filter."""
        found = self._counted((binning,), where)
        measured = found.extents[0].measured
        return Histogram(
            edges=found.edges[0].values,
            counts=found.counts.tolist(),
            outside=measured - int(found.counts.sum()),
            unmeasured=found.cells - measured,
        )

    def density(self, x: Binning, y: Binning, where: str | None = None) -> Density:
        """Return the cells by bin of two columns; raises `QueryError` as `histogram` does."""
        found = self._counted((y, x), where)
        over_y, over_x = found.edges
        return Density(over_x.values, over_y.values, found.counts, found.cells - int(found.counts.sum()))

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
        condition, columns = self._query.condition(where), self._query.columns()
        if not columns:
            return []
        _check_kinds(by, columns)
        groups = self._query.rows(f'SELECT count(DISTINCT "{by}") AS n, max(time_s) AS last FROM cells')[0]
        if groups["n"] > MOST_GROUPS:
            raise QueryError(TOO_MANY.format(by))
        if (groups["last"] or 0.0) / seconds > MOST_STEPS:
            raise QueryError(f"That would be more than {MOST_STEPS} stretches of time; ask for longer ones.")
        rows = self._query.rows(
            f'SELECT epoch, floor(time_s / {number(seconds)}) AS step, "{by}"::VARCHAR AS kind, count(*) AS cells '
            "FROM cells WHERE {condition} GROUP BY ALL ORDER BY ALL",
            condition,
        )
        return [Step(row["epoch"], row["step"] * seconds, row["kind"] or "", row["cells"]) for row in rows]

    def by_kind(self, by: str, where: str | None = None, column: str | None = None) -> list[Kind]:
        """Return how many cells of each kind there are, and what a column of numbers is like in them.

        Parameters
        ----------
        by
            A column of texts or whole numbers with at most 64 values: class, cluster, conformal, flags.
        where
            Filter, see `parse_where`.
        column
            None leaves mean and deviation out.

        Raises
        ------
        QueryError
            If any of these does not make sense.
        """
        condition, columns = self._query.condition(where), self._query.columns()
        if not columns:
            return []
        _check_kinds(by, columns)
        if column is not None and columns.get(column) is not ColumnKind.NUMBER:
            raise QueryError(f"There is no column '{column}' of numbers; the run lists its columns.")
        described = "NULL AS mean, NULL AS deviation"
        if column is not None:
            value = f'"{column}"::DOUBLE'
            finite = f"FILTER (WHERE isfinite({value}))"
            described = f"avg({value}) {finite} AS mean, stddev_samp({value}) {finite} AS deviation"
        rows = self._query.rows(
            f'SELECT "{by}" AS kind, count(*) AS cells, {described} FROM cells WHERE {{condition}} '
            f"GROUP BY 1 ORDER BY 1 LIMIT {MOST_GROUPS + 1}",
            condition,
        )
        if len(rows) > MOST_GROUPS:
            raise QueryError(TOO_MANY.format(by))
        named = (row | {"kind": "" if row["kind"] is None else str(row["kind"])} for row in rows)
        return [Kind(**row) for row in named]

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

    def _counted(self, binnings: tuple[Binning, ...], where: str | None) -> _Counted:
        """Look at all cells twice: where the bins begin and end, and how many are in each."""
        condition, columns = self._query.condition(where), self._query.columns()
        for binning in binnings:
            if columns and columns.get(binning.column) is not ColumnKind.NUMBER:
                raise QueryError(f"There is no column '{binning.column}' of numbers; the run lists its columns.")
            if not 1 <= binning.bins <= MOST_BINS:
                raise QueryError(f"A column is cut into 1 to {MOST_BINS} bins, not {binning.bins}.")
        pieces = self._query.values([binning.column for binning in binnings], condition) if columns else []
        extents = tuple(Extent() for _ in binnings)
        # Compiled code leaves Python's lock, so that two pieces are looked at at once.
        with ThreadPoolExecutor(_THREADS) as threads:
            for looked in threads.map(partial(_extents, binnings=binnings), pieces):
                extents = tuple(one + other for one, other in zip(extents, looked, strict=True))
            edges = tuple(Edges.of(binning, extent) for binning, extent in zip(binnings, extents, strict=True))
            counts = np.zeros(tuple(binning.bins for binning in binnings), np.int64)
            for counted in threads.map(partial(_counts, edges=edges), pieces):
                counts += counted
        return _Counted(sum(piece.rows for piece in pieces), extents, edges, counts)


@dataclass(frozen=True)
class _Counted:
    """How many cells there are, what their values are like, and how many are in each bin."""

    cells: int
    extents: tuple[Extent, ...]
    edges: tuple[Edges, ...]
    counts: npt.NDArray[np.int64]


def _check_kinds(by: str, columns: Mapping[str, ColumnKind]) -> None:
    if by not in columns:
        raise QueryError(f"There is no column '{by}' to count by; the run lists its columns.")


def _extents(piece: Piece, binnings: tuple[Binning, ...]) -> tuple[Extent, ...]:
    return tuple(Extent.of(values, binning) for values, binning in zip(piece.read(), binnings, strict=True))


def _counts(piece: Piece, edges: tuple[Edges, ...]) -> npt.NDArray[np.int64]:
    return count(piece.read(), edges)
