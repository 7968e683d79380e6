"""SQL over a table as it stood at one moment: its parts, its newest rows, axes of the embedding and labels."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import duckdb

from service.gates.where import Value
from service.store.labels import LABEL
from service.store.tables.parts import TableSnapshot

_ID = "event_id"


def open_database() -> duckdb.DuckDBPyConnection:
    """Return a database without tables of its own, to ask about snapshots with.

    No extension is ever fetched, and a query leaves the other cores to the acquisition.
    """
    offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    database = duckdb.connect(":memory:", config={"threads": "2", **offline})
    # Parts never change, so what their ends say is read once.
    database.execute("SET parquet_metadata_cache = true")
    return database


class LaterDatabase:
    """A database for any thread that is opened when it is first asked: opening takes longer than a small question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: duckdb.DuckDBPyConnection | None = None
        self._closed = False

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a cursor of its own; raises `duckdb.ConnectionException` once the database is closed."""
        with self._lock:
            if self._closed:
                raise duckdb.ConnectionException("the database is closed")
            if self._opened is None:
                self._opened = open_database()
            return self._opened.cursor()

    def close(self) -> None:
        """Give it back."""
        with self._lock:
            self._closed = True
            if self._opened is not None:
                self._opened.close()


def query_snapshot(
    database: duckdb.DuckDBPyConnection,
    snapshot: TableSnapshot,
    schema: Any,
    sql: str,
    parameters: Sequence[Value | list[int]],
) -> Any:
    """Run SQL over `cells` and return a `pyarrow.Table`.

    Parameters
    ----------
    database
        A connection, or a cursor of its own.
    snapshot
        The table.
    schema
        `pyarrow.Schema` of its rows as they are stored.
    sql
        Its names come from the schema, values stand in it as `?`.
    parameters
        Those values.
    """
    maps = [one for one in snapshot.maps if "SELECT *" in sql or any(f'"{name}"' in sql for name in one.columns)]
    names = _named(schema.names, sql, *(name for one in maps for name in one.of))
    listed = ", ".join(f'"{name}"' for name in names)
    sources, bound = [], list[Any](parameters)
    if snapshot.parts:
        sources.append(f"SELECT {listed} FROM read_parquet(?)")
        bound.insert(0, [str(part.path) for part in snapshot.parts])
    if snapshot.tail is not None or not sources:
        tail = schema.empty_table() if snapshot.tail is None else snapshot.tail
        database.register("tail", tail.select(names))
        sources.append(f"SELECT {listed} FROM tail")
    cells = " UNION ALL ".join(sources)
    for one in maps:
        cells = one.over(cells)
    if snapshot.labels is not None and (LABEL in sql or "SELECT *" in sql):
        if snapshot.labels.num_rows:
            database.register("labels", snapshot.labels)
            cells = f"SELECT measured.*, {LABEL} FROM ({cells}) measured LEFT JOIN labels USING (event_id)"
        else:
            cells = f"SELECT *, NULL::VARCHAR AS {LABEL} FROM ({cells})"
    return database.sql(f"WITH cells AS ({cells}) {sql}", params=bound).to_arrow_table()


def _named(names: Sequence[str], *texts: str) -> list[str]:
    """Return which columns may be meant: with all of a hundred, a small question takes ten times as long."""
    text = " ".join(texts)
    return [name for name in names if name == _ID or "SELECT *" in text or name in text]
