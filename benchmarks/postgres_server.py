"""A PostgreSQL server of one's own, on loopback; stopped and started as one likes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)


def program(name: str) -> str:
    """Return the path of the server's own program, the newest; raises `FileNotFoundError` where there is none."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, _INSTALLED), os.environ.get("PATH", "")]))
    if found is None:
        raise FileNotFoundError("no PostgreSQL server is installed")
    return found


class PostgresServer:
    """A server whose data lie in a folder.

    States: new -> `start` -> running -> `stop` -> stopped -> `start` -> ...

    Parameters
    ----------
    folder
        Empty; belongs to the user `postgres` afterwards, where this is root, whom the server refuses.
    options
        As the server's command line takes them.

    Raises
    ------
    FileNotFoundError
        If no server is installed.
    CalledProcessError
        From everything here, if the server's program fails.
    """

    def __init__(self, folder: Path, options: str = "-c fsync=off") -> None:
        self._folder = folder
        self._who: dict[str, Any] = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._who:
            shutil.chown(folder, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= {options}"
        self._call("initdb", "-D", self._data, "-U", "lightline", "-A", "trust", "-N", "--no-instructions")
        self.address = f"postgresql://lightline@127.0.0.1:{port}/postgres"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = str(self._folder / "log")
        self._call("pg_ctl", "-D", self._data, "-w", "-t", "120", "-l", log, "-o", self._options, "start")

    def stop(self) -> None:
        """Stop it as a crash would, clients or not."""
        self._call("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a question."""
        with psycopg.connect(self.address) as connection:
            return connection.execute(sql.encode()).fetchall()

    def do(self, sql: str) -> None:
        """Do what gives no rows."""
        with psycopg.connect(self.address) as connection:
            connection.execute(sql.encode())

    def _call(self, name: str, *words: str) -> None:
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([program(name), *words], cwd="/", check=True, **quiet, **self._who)


@contextmanager
def postgres(options: str = "-c fsync=off") -> Iterator[PostgresServer]:
    """Run a server until the end of the block."""
    # Not in a folder of this user's alone: the server's own user could not look into it.
    with tempfile.TemporaryDirectory(prefix="lightline-postgres-") as folder:
        server = PostgresServer(Path(folder), options)
        server.start()
        try:
            yield server
        finally:
            server.stop()
