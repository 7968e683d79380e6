"""The tables on the server: those of the run folder, for all runs; columns are added as instruments need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.sink.errors import PartRefused
from service.sink.kinds import server_kind

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


def columns_of(connection: psycopg.Connection[Any], table: str) -> dict[str, str]:
    """Return the columns that a table has, with their types as the server calls them."""
    rows = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        (PREFIX + table,),
    )
    return {row[0]: row[1] for row in rows}


def add_columns(connection: psycopg.Connection[Any], table: str, schema: Any) -> None:
    """Add the columns of a part that its table does not have."""
    from psycopg.sql import SQL, Identifier

    known = columns_of(connection, table)
    new = [field for field in schema if field.name not in known]
    if not new:
        return
    added = SQL(", ").join(
        SQL("ADD COLUMN IF NOT EXISTS {} ").format(Identifier(field.name)) + SQL(server_kind(field.type))
        for field in new
    )
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(SQL("ALTER TABLE {} ").format(Identifier(PREFIX + table)) + added)


def check_columns(connection: psycopg.Connection[Any], table: str, schema: Any) -> None:
    """Check that a table takes the columns of a part as they travel, and keep it so until the transaction ends.

    Raises
    ------
    PartRefused
        If a column has another type, as which the bytes of its values would be something else.
    """
    from psycopg.sql import SQL, Identifier

    connection.execute(SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(Identifier(PREFIX + table)))
    known = columns_of(connection, table)
    for field in schema:
        found, wanted = known.get(field.name, "gone"), server_kind(field.type)
        if found != wanted:
            raise PartRefused(f"the column '{field.name}' of {PREFIX}{table} is {found} and has to be {wanted}")
