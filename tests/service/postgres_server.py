"""A PostgreSQL server of a test's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from benchmarks import postgres_server
from benchmarks.postgres_server import PostgresServer

__all__ = ["PostgresServer", "postgres", "wait_for"]


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Run a server until the end of the block; the test is skipped where there is none."""
    try:
        postgres_server.program("initdb")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    with postgres_server.postgres() as server:
        yield server


def wait_for(server: PostgresServer, sql: str, expected: object, seconds: float = 60.0) -> None:
    """Ask until the one value is the expected one."""
    until = time.monotonic() + seconds
    while (found := _value(server, sql)) != expected:
        assert time.monotonic() < until, f"{sql} gives {found}, not {expected}"
        time.sleep(0.05)


def _value(server: PostgresServer, sql: str) -> object:
    try:
        rows = server.ask(sql)
    except psycopg.errors.UndefinedTable:
        return None
    return rows[0][0] if rows else None
