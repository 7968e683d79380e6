"""The rows of a table as a stream: part by part, so that a run of any size passes in little memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.errors import UnknownCell
from service.gates.where import Condition
from service.store.labels import COLUMN
from service.store.questions.cell_query import CellQuery
from service.store.questions.snapshot_sql import open_database, query_snapshot
from service.store.tables.parts import TableSnapshot

_ID = "event_id"


@dataclass(frozen=True)
class RowStream:
    """Rows that pass a filter, of the table as it stood when it was asked, by event id.

    Attributes
    ----------
    snapshot
        The table at that moment.
    schema
        `pyarrow.Schema` of the rows.
    condition
        What they have to pass.
    most
        Rows at most, None for all.
    """

    snapshot: TableSnapshot
    schema: Any
    condition: Condition
    most: int | None = None

    @classmethod
    def of(
        cls, query: CellQuery, where: str | None = None, events: Sequence[int] = (), most: int | None = None
    ) -> Self:
        """Return the rows of a table, which may be written to meanwhile.

        Parameters
        ----------
        query
            Questions to the table; it knows the columns and gates that filters may name.
        where
            Filter, see `parse_where`.
        events
            Ids of the rows to take; empty for all.
        most
            Take the first so many.

        Raises
        ------
        QueryError
            If the filter does not make sense.
        UnknownCell
            If the table has no rows yet.
        """
        condition = query.condition(where)
        if query.table.schema is None:
            raise UnknownCell("The run has no such events yet; ask again when it has.")
        if events:
            places = ", ".join("?" * len(events))
            condition = Condition(
                f"({condition.sql}) AND event_id IN ({places})", (*condition.parameters, *(int(k) for k in events))
            )
        schema = query.schema
        return cls(query.snapshot(), schema, condition, most)

    @property
    def total(self) -> int:
        """Rows to look through, those that do not pass among them: known at once."""
        return self.snapshot.rows

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[tuple[int, Any]]:
        """Return the rows piece by piece: how many were looked through so far, and a `pyarrow.Table` of the next.

        Parameters
        ----------
        columns
            The columns wanted, None for all.
        """
        names = self.schema.names if columns is None else list(columns)
        kept = pa.schema([self.schema.field(name) for name in names])
        left, seen = self.most, 0
        sql = f"SELECT {_listed(names)} FROM cells WHERE {self.condition.sql} ORDER BY {_ID}"
        with open_database() as database:
            for piece in self._pieces():
                if left == 0:
                    return
                seen += piece.rows
                table = query_snapshot(database, piece, self._measured, sql, self.condition.parameters).cast(kept)
                if left is not None:
                    table = table.slice(0, left)
                    left -= table.num_rows
                if table.num_rows:
                    yield seen, table

    def count(self) -> int:
        """Return how many rows pass."""
        passing = self.total if self.condition.everything else int(self._value("count(*)") or 0)
        return passing if self.most is None else min(passing, self.most)

    def largest(self, columns: Sequence[str]) -> dict[str, float | None]:
        """Return the largest finite value of each of these columns in the whole table, whatever passes.

        Parts say it at their ends, so that no row is read for it, but for axes of the embedding; None where there is
        none.
        """
        found: dict[str, float | None] = dict.fromkeys(columns)

        def take(name: str, value: object) -> None:
            if name in found and isinstance(value, int | float) and math.isfinite(value):
                known = found[name]
                found[name] = float(value) if known is None else max(known, float(value))

        for part in self.snapshot.parts:
            about = pq.read_metadata(part.path)
            for group in (about.row_group(k) for k in range(about.num_row_groups)):
                for column in (group.column(k) for k in range(group.num_columns)):
                    if column.path_in_schema in found and column.statistics and column.statistics.has_min_max:
                        take(column.path_in_schema, column.statistics.max)
        if self.snapshot.tail is not None:
            for name in set(columns) & set(self.snapshot.tail.column_names):
                take(name, pc.max(self.snapshot.tail.column(name)).as_py())
        for name in (name for one in self.snapshot.maps for name in one.columns if name in found):
            with open_database() as database:
                sql = f"SELECT max({_quoted(name)}) FROM cells"
                take(name, query_snapshot(database, self.snapshot, self._measured, sql, ()).column(0)[0].as_py())
        return found

    def texts(self, column: str) -> list[str]:
        """Return every text that stands in a column, in alphabetical order; rows past `most` are looked at as well."""
        if not self.total:
            return []
        name = _quoted(column)
        sql = f"SELECT DISTINCT {name} FROM cells WHERE {self.condition.sql} AND {name} IS NOT NULL ORDER BY {name}"
        with open_database() as database:
            found: list[str] = self._all(database, sql).column(0).to_pylist()
        return found

    def widths(self) -> dict[str, int]:
        """Return how long the lists of each list column are: one bundle answers for a run, so all are alike."""
        names = [field.name for field in self.schema if pa.types.is_list(field.type)]
        if not names or not self.total:
            return dict.fromkeys(names, 0)
        with open_database() as database:
            first = query_snapshot(
                database, next(self._pieces()), self._measured, f"SELECT {_listed(names)} FROM cells LIMIT 1", ()
            )
        return {name: len(first.column(name)[0]) for name in names}

    @property
    def _measured(self) -> Any:
        added = {COLUMN, *(name for one in self.snapshot.maps for name in one.columns)}
        return pa.schema([field for field in self.schema if field.name not in added])

    def _pieces(self) -> Iterator[TableSnapshot]:
        for part in self.snapshot.parts:
            yield replace(self.snapshot, parts=(part,), tail=None)
        if self.snapshot.tail is not None:
            yield replace(self.snapshot, parts=())

    def _value(self, expression: str) -> Any:
        if not self.total:
            return None
        with open_database() as database:
            return (
                self._all(database, f"SELECT {expression} FROM cells WHERE {self.condition.sql}").column(0)[0].as_py()
            )

    def _all(self, database: duckdb.DuckDBPyConnection, sql: str) -> Any:
        return query_snapshot(database, self.snapshot, self._measured, sql, self.condition.parameters)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_quoted(name) for name in names)
