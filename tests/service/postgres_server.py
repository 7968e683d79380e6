"""A PostgreSQL server of a test's own, on loopback; stopped and started as the test likes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

_HIGHEST = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))


def program(name: str) -> str:
    """The server's own program; the test is skipped where there is none."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(_HIGHEST)), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip("no PostgreSQL server is installed")
    return found


class PostgresServer:
    """States: new -> `start` -> running -> `stop` -> stopped -> `start` -> ..."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The server refuses to run as root.
        self._who: dict[str, Any] = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._who:
            shutil.chown(folder, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._call("initdb", "-D", self._data, "-U", "lightline", "-A", "trust", "-N", "--no-instructions")
        self.address = f"postgresql://lightline@127.0.0.1:{self._port}/postgres"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._call(
            "pg_ctl", "-D", self._data, "-w", "-t", "120", "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """As a crash would, clients or not."""
        self._call("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address) as connection:
            return connection.execute(sql.encode()).fetchall()

    def do(self, sql: str) -> None:
        with psycopg.connect(self.address) as connection:
            connection.execute(sql.encode())

    def wait_for(self, sql: str, expected: object, seconds: float = 60.0) -> None:
        """Ask until the one value is the expected one."""
        until = time.monotonic() + seconds
        while (found := self._value(sql)) != expected:
            assert time.monotonic() < until, f"{sql} gives {found}, not {expected}"
            time.sleep(0.05)

    def _value(self, sql: str) -> object:
        try:
            rows = self.ask(sql)
        except psycopg.errors.UndefinedTable:
            return None
        return rows[0][0] if rows else None

    def _call(self, name: str, *words: str) -> None:
        done = subprocess.run(
            [program(name), *words], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._who
        )
        assert done.returncode == 0, (name, words)


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Run a server until the end of the block."""
    program("initdb")
    # Not in pytest's folders: the server's own user cannot look into them.
    with tempfile.TemporaryDirectory(prefix="lightline-postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
