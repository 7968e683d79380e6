"""Questions to a table of a run: pages with a filter and a cursor, single rows, columns; answered by DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, reduce
from typing import Any

import pyarrow as pa

from service.errors import QueryError
from service.gates.book import GateBook
from service.gates.where import ColumnKind, Condition, Value, no_gates, parse_where
from service.maps.shelf import Maps
from service.store.labels import COLUMN, Labels
from service.store.questions.column_values import ColumnValues, Piece, numbers
from service.store.questions.paging import EVENT_ID, CellPage, Order, Pager
from service.store.questions.passing import PassingCounts
from service.store.questions.snapshot_sql import LaterDatabase, query_snapshot
from service.store.tables.part_table import PartTable
from service.store.tables.parts import TableSnapshot

MOST_ROWS = 50_000


@dataclass
class CellQuery:
    """Queries over a `PartTable`, from any thread."""

    table: PartTable
    gates: GateBook | None = None
    """Gates that filters may name."""
    labels: Labels | None = None
    """Labels of the rows, a column like the others."""
    maps: Maps | None = None
    """Axes made of the embedding, columns like the others."""
    _database: LaterDatabase = field(default_factory=LaterDatabase, repr=False)
    _kept_values: ColumnValues = field(default_factory=ColumnValues, repr=False)
    _counts: PassingCounts = field(default_factory=PassingCounts, repr=False)

    @cached_property
    def _pager(self) -> Pager:
        return Pager(self._arrow, self._kept_values)

    @property
    def schema(self) -> Any:
        """`pyarrow.Schema` of the rows with axes of the embedding and labels, None before the first."""
        schema = self.table.schema
        if schema is None:
            return None
        mapped = () if self.maps is None else self.maps.all()
        labels = () if self.labels is None else (pa.field(COLUMN, pa.string()),)
        return pa.schema([*schema, *(field for one in mapped for field in one.fields), *labels])

    @property
    def last_id(self) -> int:
        """Event id of the newest row, 0 before the first."""
        return self.table.last_id

    def snapshot(self) -> TableSnapshot:
        """Return the table as it stands, with the axes of its embedding and the labels that there are."""
        return replace(
            self.table.snapshot(),
            labels=None if self.labels is None else self.labels.table(),
            maps=() if self.maps is None else self.maps.all(),
        )

    @property
    def state(self) -> tuple[int, ...]:
        """What answers depend on: rows, which is the newest, changes of gates and of labels, axes of the embedding."""
        changes = (0 if one is None else one.changes for one in (self.gates, self.labels))
        return (self.table.rows, self.table.last_id, *changes, 0 if self.maps is None else len(self.maps.all()))

    def columns(self) -> dict[str, ColumnKind]:
        """Return the columns that filters may name, and what they hold; empty before the first row."""
        return {} if self.schema is None else column_kinds(self.schema)

    def page(
        self,
        where: str | None = None,
        after: int = 0,
        limit: int = 100,
        fields: Sequence[str] | None = None,
        order: str | None = None,
    ) -> CellPage:
        """Return the rows after the cursor.

        Parameters
        ----------
        where
            Filter, see `parse_where`.
        after
            Event id of the last row of the page before; 0 for the first page.
        limit
            Rows at most, 1 to 50,000.
        fields
            Columns wanted; None for all that filters may name. The event id is always among them.
        order
            A column, with '-' before it for descending, None for the event id; rows of equal value follow by event
            id, and rows without a value come last. A page by event id stays right while the run grows; by another
            column, rows that arrive later may belong before the cursor.

        Raises
        ------
        QueryError
            If any of these does not make sense.
        """
        if not 1 <= limit <= MOST_ROWS:
            raise QueryError(f"A page holds 1 to {MOST_ROWS} rows, not {limit}.")
        if not 0 <= after < 1 << 63:
            raise QueryError(f"The cursor '{after}' is not an event id.")
        columns = self.columns()
        condition = self.condition(where)
        if not columns:
            return CellPage(pa.table({}), None, 0)
        wanted = self._wanted(fields, columns)
        snapshot = self.snapshot()
        by = Order.asked(order, columns)
        total = snapshot.rows if condition.everything else self._counts.of(snapshot, condition, self._count_rows)
        # One more than there is room for, which says whether there is another page.
        found = self._pager.ids(snapshot, self.table.schema, condition, by, after, limit + 1, total)
        ids = found[:limit]
        return CellPage(self._pager.rows(snapshot, ids, wanted), ids[-1] if len(found) > limit else None, total)

    def condition(self, where: str | None) -> Condition:
        """Return a filter as a condition; raises `QueryError`."""
        columns = self.columns() or None
        return parse_where(where, columns, no_gates if self.gates is None else self.gates.conditions(columns))

    def row(self, event_id: int) -> dict[str, Any] | None:
        """Return everything the table holds of one event, lists included; None if it has no such event."""
        if not 0 <= event_id < 1 << 63:
            return None
        schema = self.schema
        if schema is None:
            return None
        rows: list[dict[str, Any]] = self._pager.rows(self.snapshot(), [event_id], schema.names).to_pylist()
        return rows[0] if rows else None

    def known(self, event_ids: Sequence[int]) -> set[int]:
        """Return which of these events the table has."""
        ids = [event_id for event_id in event_ids if 0 <= event_id < 1 << 63]
        return (
            set(self._pager.rows(self.snapshot(), ids, [EVENT_ID]).column(0).to_pylist()) if self.columns() else set()
        )

    def arrow(self, fields: Sequence[str]) -> Any:
        """Return whole columns as a `pyarrow.Table`, in event order; None before the first row."""
        columns = self.columns()
        if not columns:
            return None
        listed = ", ".join(f'"{name}"' for name in self._wanted(fields, columns))
        return self._arrow(self.snapshot(), f"SELECT {listed} FROM cells ORDER BY event_id")

    def rows_between(self, first: int, last: int) -> Any:
        """Return whole rows of the events from `first` to `last`, as they are stored: a `pyarrow.Table`, in order."""
        if self.table.schema is None:
            return pa.table({EVENT_ID: pa.array([], pa.uint64())})
        snapshot = self.table.snapshot().between(first, last)
        return self._arrow(
            snapshot, "SELECT * FROM cells WHERE event_id BETWEEN ? AND ? ORDER BY event_id", (first, last)
        ).cast(self.table.schema)

    def rows(
        self, sql: str, condition: Condition | None = None, snapshot: TableSnapshot | None = None
    ) -> list[dict[str, Any]]:
        """Return what SQL over `cells` gives, a dictionary a row.

        Parameters
        ----------
        sql
            Made of columns that the table has, and of numbers; `{condition}` in it is the condition.
        condition
            Which cells; None for all.
        snapshot
            The table at one moment; None for now.
        """
        rows: list[dict[str, Any]] = self._asked(sql, condition, snapshot).to_pylist()
        return rows

    def values(self, names: Sequence[str], condition: Condition) -> list[Piece]:
        """Return columns of numbers as arrays, piece by piece: of parts that are looked at whole, and of what passes.

        Parameters
        ----------
        names
            Columns of numbers that the table has.
        condition
            Which rows.
        """
        snapshot = self.snapshot()
        if condition.everything:
            maps = snapshot.maps
            pieces = [Piece(part.rows, partial(self._kept_values.of, part, names, maps)) for part in snapshot.parts]
            if snapshot.tail is None:
                return pieces
            return [*pieces, _piece(reduce(lambda rows, one: one.of_rows(rows), maps, snapshot.tail), names)]
        listed = ", ".join(f'"{name}"' for name in dict.fromkeys(names))
        sql = f"SELECT {listed} FROM cells WHERE {condition.sql}"
        return [_piece(self._arrow(snapshot, sql, condition.parameters), names)]

    def _asked(self, sql: str, condition: Condition | None, snapshot: TableSnapshot | None) -> Any:
        condition = condition or Condition()
        return self._arrow(snapshot or self.snapshot(), sql.replace("{condition}", condition.sql), condition.parameters)

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    def _wanted(self, fields: Sequence[str] | None, columns: Mapping[str, ColumnKind]) -> list[str]:
        names = [column.name for column in self.schema]
        wanted = list(columns) if fields is None else [EVENT_ID, *(name for name in fields if name != EVENT_ID)]
        for name in wanted:
            if name not in names:
                raise QueryError(f"There is no column '{name}'; the run lists its columns.")
        return list(dict.fromkeys(wanted))

    def _count_rows(self, snapshot: TableSnapshot, condition: Condition) -> int:
        rows = self._select(snapshot, f"SELECT count(*) AS n FROM cells WHERE {condition.sql}", condition.parameters)
        return int(rows[0]["n"]) if rows else 0

    def _select(self, snapshot: TableSnapshot, sql: str, parameters: Sequence[Value]) -> list[dict[str, Any]]:
        table = self._arrow(snapshot, sql, parameters)
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def _arrow(self, snapshot: TableSnapshot, sql: str, parameters: Sequence[Value | list[int]] = ()) -> Any:
        """Run SQL over `cells`, the parts and the tail; names in it are whitelisted, values are parameters."""
        if self.table.schema is None:
            return pa.table({})
        with self._database.cursor() as cursor:
            return query_snapshot(cursor, snapshot, self.table.schema, sql, parameters)


def column_kinds(schema: Any) -> dict[str, ColumnKind]:
    """Return the columns of a `pyarrow.Schema` that filters may name, and what they hold."""
    kinds = {column.name: _kind(column.type) for column in schema}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _piece(table: Any, names: Sequence[str]) -> Piece:
    read = {name: numbers(table.column(name)) for name in dict.fromkeys(names)}
    return Piece(int(table.num_rows), lambda: tuple(read[name] for name in names))


def _kind(kind: Any) -> ColumnKind | None:
    if pa.types.is_boolean(kind):
        return ColumnKind.TRUTH
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return ColumnKind.NUMBER
    return ColumnKind.TEXT if pa.types.is_string(kind) else None
