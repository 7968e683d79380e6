"""Pages of a table: which rows are on one is found first, in few columns, and then they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.errors import QueryError
from service.gates.where import ColumnKind, Condition, Value
from service.store.questions.column_values import ColumnValues
from service.store.questions.page_bound import Cursor, page_bound
from service.store.questions.row_reading import read_rows
from service.store.questions.sort_keys import SortKeys
from service.store.tables.parts import TableSnapshot

EVENT_ID = "event_id"
_SPARE = 4
"""How many times as many rows as should be enough are looked through where a filter lets some pass."""
_MOST_SHARE = 0.1
"""Of all rows: where more would have to be looked through, the bound spares nothing."""

Ask = Callable[[TableSnapshot, str, Sequence[Value | list[int]]], Any]
"""Runs SQL over `cells`, a snapshot, and returns a `pyarrow.Table`."""


@dataclass(frozen=True)
class CellPage:
    """Rows of one page.

    Attributes
    ----------
    table
        `pyarrow.Table` of them, in the page's order; null where a value could not be measured.
    next
        Hand this over as `after` for the next page; None where there is none yet.
    total
        Rows that pass the filter, at this moment.
    """

    table: Any
    next: int | None
    total: int

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a row, by column; None where a value could not be measured."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows


@dataclass(frozen=True)
class Order:
    """How rows follow each other: by a column, rows without a value last, and equal ones by event id."""

    by: str = EVENT_ID
    descending: bool = False

    @classmethod
    def asked(cls, text: str | None, columns: Mapping[str, ColumnKind]) -> Self:
        """Return the order by a column, with '-' before it for descending; raises `QueryError` if there is no such."""
        order = cls((text or EVENT_ID).removeprefix("-"), (text or "").startswith("-"))
        if order.by not in columns:
            raise QueryError(f"There is no column '{order.by}' to order by; the run lists its columns.")
        return order

    @property
    def sql(self) -> str:
        """What stands behind ORDER BY."""
        return f'"{self.by}" {"DESC" if self.descending else "ASC"} NULLS LAST, {EVENT_ID}'

    def behind(self, event_id: int, value: Value | None) -> Condition:
        """Return the condition of the rows behind one, its value in this order's column given."""
        beyond = "<" if self.descending else ">"
        if self.by == EVENT_ID:
            return Condition(f"event_id {beyond} ?", (event_id,))
        if value is None:
            return Condition(f'("{self.by}" IS NULL AND event_id > ?)', (event_id,))
        return Condition(
            f'("{self.by}" {beyond} ? OR ("{self.by}" = ? AND event_id > ?) OR "{self.by}" IS NULL)',
            (value, value, event_id),
        )

    def until(self, value: Value) -> Condition:
        """Return the condition of the rows up to a value, that one among them."""
        return Condition(f'"{self.by}" {">=" if self.descending else "<="} ?', (value,))


@dataclass
class Pager:
    """Finds the rows of pages, from any thread.

    Attributes
    ----------
    ask
        The database.
    kept
        Columns that were read before.
    """

    ask: Ask = field(repr=False)
    kept: ColumnValues = field(repr=False)

    def ids(
        self,
        snapshot: TableSnapshot,
        schema: Any,
        condition: Condition,
        order: Order,
        after: int,
        count: int,
        total: int,
    ) -> list[int]:
        """Return the event ids of the first rows behind the cursor.

        Parameters
        ----------
        snapshot
            The table.
        schema
            `pyarrow.Schema` of its rows as they are stored.
        condition
            What they have to pass.
        order
            How they follow each other.
        after
            Event id of the cursor's row; 0 for none.
        count
            Rows wanted.
        total
            How many rows of the table pass.

        Raises
        ------
        QueryError
            If the table has no such cursor.
        """
        if order.by == EVENT_ID and condition.everything:
            return self._all_by_event(snapshot, order, after, count)
        if order.by == EVENT_ID:
            cursor = order.behind(after, None) if after else Condition()
            return self._by_event(snapshot, _both(condition, cursor), order, after, count)
        value = self._value(snapshot, order.by, after) if after else None
        behind = _both(condition, order.behind(after, value) if after else Condition())
        looked = count if condition.everything else count + math.ceil(_SPARE * count * snapshot.rows / max(1, total))
        if order.by in schema.names and looked <= max(count, _MOST_SHARE * snapshot.rows):
            keys = SortKeys.of(snapshot, self.kept, schema.field(order.by))
            start = Cursor(after, keys.key(value)) if after else None
            bound = page_bound(keys.pieces, start, looked, descending=order.descending)
            if all(key is None or keys.tells(key) for key in (bound.key, None if start is None else start.key)):
                until = Condition() if bound.key is None else order.until(keys.value(bound.key))
                found = self._first(snapshot.only(bound.pieces), _both(behind, until), order, count)
                # A filter may let fewer of these rows pass than of others.
                if condition.everything or len(found) == count:
                    return found
        return self._first(snapshot, behind, order, count)

    def rows(self, snapshot: TableSnapshot, ids: Sequence[int], names: Sequence[str]) -> Any:
        """Return columns of those events that the table has, in the order of these ids; theirs is the first column."""
        rows = read_rows(snapshot, ids, names)
        if rows is None:
            least, most = (min(ids), max(ids)) if ids else (0, -1)
            listed = ", ".join(f'"{name}"' for name in names)
            rows = self.ask(
                snapshot.with_events(ids),
                f"SELECT {listed} FROM cells "
                "WHERE event_id BETWEEN ? AND ? AND event_id IN (SELECT unnest(?::UBIGINT[]))",
                (least, most, list(ids)),
            )
        found = np.asarray(rows.column(EVENT_ID).to_numpy())
        place = {event_id: k for k, event_id in enumerate(ids)}
        return rows.take(np.argsort([place[event_id] for event_id in found.tolist()]))

    def _by_event(
        self, snapshot: TableSnapshot, condition: Condition, order: Order, after: int, count: int
    ) -> list[int]:
        """Look into parts one after the other, until the page is full."""
        found: list[int] = []
        for piece in snapshot.behind(after, descending=order.descending):
            found += self._first(piece, condition, order, count - len(found))
            if len(found) == count:
                break
        return found

    def _all_by_event(self, snapshot: TableSnapshot, order: Order, after: int, count: int) -> list[int]:
        """Return the next events of all, of which nothing but their ids is looked at."""
        found: list[int] = []
        for piece in snapshot.behind(after, descending=order.descending):
            ids = self._event_ids(piece)
            if after:
                ids = ids[ids < after] if order.descending else ids[ids > after]
            found += (ids[::-1] if order.descending else ids)[: count - len(found)].tolist()
            if len(found) == count:
                break
        return found

    def _event_ids(self, snapshot: TableSnapshot) -> npt.NDArray[np.uint64]:
        """Return the ids of a few parts or of the tail, in order."""
        tail = [] if snapshot.tail is None else [snapshot.tail.column(EVENT_ID).to_numpy()]
        ids = [*(self.kept.of(part, [EVENT_ID])[0] for part in snapshot.parts), *tail]
        return np.sort(np.concatenate(ids).astype(np.uint64)) if ids else np.empty(0, np.uint64)

    def _first(self, snapshot: TableSnapshot, condition: Condition, order: Order, count: int) -> list[int]:
        sql = f"SELECT event_id FROM cells WHERE {condition.sql} ORDER BY {order.sql} LIMIT ?"
        ids: list[int] = self.ask(snapshot, sql, (*condition.parameters, count)).column(0).to_pylist()
        return ids

    def _value(self, snapshot: TableSnapshot, column: str, event_id: int) -> Value | None:
        """Return what the cursor's row holds."""
        sql = f'SELECT "{column}" FROM cells WHERE event_id = ?'
        found: list[Value | None] = self.ask(snapshot.with_events([event_id]), sql, (event_id,)).column(0).to_pylist()
        if not found:
            raise QueryError(f"The cursor '{event_id}' is not an event of this table.")
        return found[0]


def _both(one: Condition, other: Condition) -> Condition:
    if one.everything or other.everything:
        return other if one.everything else one
    return Condition(f"({one.sql}) AND ({other.sql})", (*one.parameters, *other.parameters))
