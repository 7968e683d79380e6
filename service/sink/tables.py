"""The tables on the server: those of the run folder, for all runs; columns are added as instruments need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import psycopg

PREFIX = "lightline_"
_LOCK = 0x1166_1147
"""Advisory: services that start at once make the tables one after the other."""
_MADE = (
    "CREATE TABLE IF NOT EXISTS lightline_results (run text, results text, started_at text NOT NULL, "
    "about jsonb NOT NULL, PRIMARY KEY (run, results))",
    'CREATE TABLE IF NOT EXISTS lightline_parts (run text, results text, "table" text, part text, '
    'rows bigint NOT NULL, copied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (run, results, "table", part))',
    "CREATE TABLE IF NOT EXISTS lightline_cells (run text, results text, event_id bigint, "
    "PRIMARY KEY (run, results, event_id))",
    "CREATE TABLE IF NOT EXISTS lightline_rejected (run text, results text, event_id bigint, "
    "PRIMARY KEY (run, results, event_id))",
)


def make_tables(connection: psycopg.Connection[Any]) -> None:
    """Make the tables that are missing."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for statement in _MADE:
            connection.execute(statement.encode())


def columns_of(connection: psycopg.Connection[Any], table: str) -> set[str]:
    """Return the columns that a table has."""
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = %s",
        (PREFIX + table,),
    )
    return {row[0] for row in rows}


def add_columns(connection: psycopg.Connection[Any], table: str, schema: Any, known: set[str]) -> None:
    """Add the columns of a part that its table does not have, and note them in `known`."""
    from psycopg.sql import SQL, Identifier

    new = [field for field in schema if field.name not in known]
    if not new:
        return
    added = SQL(", ").join(
        SQL("ADD COLUMN IF NOT EXISTS {} ").format(Identifier(field.name)) + SQL(_kind(field.type)) for field in new
    )
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(SQL("ALTER TABLE {} ").format(Identifier(PREFIX + table)) + added)
    known.update(field.name for field in new)


def _kind(kind: Any) -> str:
    """Return the type of the server for one of Arrow; wide enough for what is unsigned here."""
    if pa.types.is_list(kind):
        return f"{_kind(kind.value_type)}[]"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "bigint"
    if pa.types.is_floating(kind):
        return "real" if kind.bit_width <= 32 else "double precision"
    return "text"
