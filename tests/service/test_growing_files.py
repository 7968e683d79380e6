"""Rows that wait for more on their way to a file are there for who looks, and for a crash once they are flushed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.errors import StorageError
from service.store.events import hdf5
from service.store.events.hdf5 import Column, GrowingFile, open_to_read

COLUMNS = {"values": Column(np.int32, 64), "table": Column(np.int32, 64)}


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[GrowingFile]:
    file = GrowingFile(tmp_path / "a.h5", {"format": "test/1"}, COLUMNS)
    yield file
    file.close()


def add(file: GrowingFile, first: int, last: int) -> None:
    rows = np.arange(first, last, dtype=np.int32)
    file.claim(2 * rows.nbytes)
    file.extend("values", rows)
    file.extend_later("table", rows)


def elsewhere(path: Path) -> tuple[int, int]:
    """Rows that another process would see, were this one killed now."""
    with open_to_read(path, "test/1") as file:
        return len(file["values"]), len(file["table"])


def test_rows_that_wait_are_there_for_who_looks_and_after_a_flush_for_everybody(
    growing: GrowingFile, tmp_path: Path
) -> None:
    add(growing, 0, 10)
    add(growing, 10, 25)
    assert growing.rows("table") == 25
    assert elsewhere(tmp_path / "a.h5")[1] == 0
    growing.flush()
    assert elsewhere(tmp_path / "a.h5") == (25, 25)
    add(growing, 25, 30)
    assert growing["table"][...].tolist() == list(range(30)) and growing.rows("table") == 30
    add(growing, 30, 31)
    growing.close()
    assert elsewhere(tmp_path / "a.h5") == (31, 31)


def test_many_rows_do_not_wait(growing: GrowingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "_MOST_WAITING", 400)
    for first in range(0, 1000, 50):
        add(growing, first, first + 50)
        assert growing._waiting_bytes <= 400
    assert growing["table"][...].tolist() == list(range(1000))


def test_a_table_that_tells_of_values_is_never_ahead_of_them(
    growing: GrowingFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "_MOST_WAITING", 400)
    written: set[tuple[int, int]] = set()
    for count in (0, 30, 1, 0, 60, 7):
        growing.extend_later("values", np.arange(count, dtype=np.int32))
        growing.extend_later("table", np.array([growing.rows("values")], dtype=np.int32))
        values, table = elsewhere(tmp_path / "a.h5")
        assert growing._waiting_bytes <= 400
        written.add((values, table))
    # Values that are many are written, and the few rows about them go on waiting.
    assert written == {(0, 0), (98, 0)}
    growing.flush()
    assert elsewhere(tmp_path / "a.h5") == (98, 6)


def test_while_the_disk_refuses_what_waits_nothing_is_called_safe(
    growing: GrowingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(growing, 0, 5)

    def refuse(*_: object) -> None:
        raise StorageError("full")

    with monkeypatch.context() as full:
        full.setattr(growing, "extend", refuse)
        for _ in range(2):
            with pytest.raises(StorageError):
                growing.flush()
    growing.flush()
    assert growing["table"][...].tolist() == [0, 1, 2, 3, 4]
