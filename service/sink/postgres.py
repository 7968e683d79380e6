"""One part into PostgreSQL in one transaction: its rows, and a line that says they are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from acquisition.errors import ConfigError, LightlineError
from service.result_set import ResultSet
from service.sink.binary_rows import binary_pieces
from service.sink.errors import PartRefused, SinkAway
from service.sink.sealed import SealedPart
from service.sink.tables import PREFIX, add_columns, check_columns, make_tables
from service.store.tables.result_tables import TABLES

if TYPE_CHECKING:
    import psycopg

_CONNECT_S = 5
_SILENT_MS = 20_000
"""A server that does not answer for so long is taken for gone."""


def require_client() -> None:
    """Check that the client's libraries are there; raises `ConfigError` with what to install."""
    try:
        import pgpq  # noqa: F401
        import psycopg  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"Copying to PostgreSQL needs {error.name}, which is not installed; install it with "
            "'pip install lightline[postgres]'."
        ) from None


class PostgresTables:
    """An open connection, and what is known of the tables behind it; for one thread.

    Raises
    ------
    ConfigError
        If psycopg or pgpq is not installed.
    SinkAway
        From everything here, whatever the server or the way to it does not allow.
    """

    def __init__(self, address: str) -> None:
        require_client()
        import psycopg

        with _answered():
            self._connection: psycopg.Connection[Any] = psycopg.connect(
                address,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                application_name="lightline",
                keepalives_idle=10,
                tcp_user_timeout=_SILENT_MS,
                options="-c lock_timeout=10s",
            )
            make_tables(self._connection)

    def begin(self, about: ResultSet) -> None:
        """Note a result set as it stands; rows of an earlier one of its name, since removed, go."""
        with _answered(), self._connection.transaction():
            known = self._connection.execute(
                "SELECT started_at FROM lightline_results WHERE run = %s AND results = %s FOR UPDATE",
                (about.run, about.name),
            ).fetchone()
            if known is not None and known[0] != about.started_at:
                for table in ("parts", *TABLES):
                    self._run(f"DELETE FROM {PREFIX}{table} WHERE run = %s AND results = %s", (about.run, about.name))
            self._run(
                "INSERT INTO lightline_results VALUES (%s, %s, %s, %s) ON CONFLICT (run, results) "
                "DO UPDATE SET started_at = excluded.started_at, about = excluded.about",
                (about.run, about.name, about.started_at, about.model_dump_json()),
            )

    def copied(self, about: ResultSet) -> set[tuple[str, str]]:
        """Return the tables and parts of a set that are there."""
        with _answered():
            rows = self._connection.execute(
                'SELECT "table", part FROM lightline_parts WHERE run = %s AND results = %s', (about.run, about.name)
            )
            return {(row[0], row[1]) for row in rows}

    def copy(self, sealed: SealedPart) -> int:
        """Copy a part, or find that it is there; return how many rows were copied.

        Raises
        ------
        OSError, pyarrow.ArrowException
            If the part cannot be read; then nothing of it is there.
        PartRefused
            If the server does not take it, or would misread it, as where somebody has changed a column's type.
        """
        with _answered(PartRefused):
            return self._copy(sealed)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _copy(self, sealed: SealedPart) -> int:
        from psycopg.sql import SQL, Identifier

        about, part = sealed.about, sealed.part
        schema = pq.read_schema(part.path)
        add_columns(self._connection, sealed.table, schema)
        names = SQL(", ").join(Identifier(name) for name in ("run", "results", *schema.names))
        into = SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(Identifier(PREFIX + sealed.table), names)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            # Another service that copies this part now is waited for here, and then it is there.
            cursor.execute(
                "INSERT INTO lightline_parts VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (about.run, about.name, sealed.table, part.path.name, part.rows),
            )
            if cursor.rowcount == 0:
                return 0
            check_columns(self._connection, sealed.table, schema)
            with cursor.copy(into) as copy:
                for piece in binary_pieces(part.path, about.run, about.name):
                    copy.write(piece)
            return part.rows

    def _run(self, statement: str, values: Iterable[Any]) -> None:
        self._connection.execute(statement.encode(), tuple(values))


@contextmanager
def _answered(refused: type[LightlineError] = SinkAway) -> Iterator[None]:
    """Turn what psycopg says into `SinkAway`, or into another error where the server is there and refuses."""
    import psycopg

    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise SinkAway(_sentence(error)) from None
    except psycopg.Error as error:
        raise refused(_sentence(error)) from None


def _sentence(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or "the server is gone"
