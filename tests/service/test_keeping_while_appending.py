"""Rows are made safe while others come: none is lost or doubled, and rows that wait in memory take what they hold."""

from __future__ import annotations

import gc
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from line_parts import KnownSource, known_makers

from service.run import RunRequest
from service.runs.control import RunControl
from service.store.tables.part_table import PartTable
from service.store.tables.row_pieces import MOST_SMALL


def few(first: int, count: int = 5) -> pa.Table:
    ids = np.arange(first, first + count, dtype=np.uint64)
    numbers = {f"feature_{k}": pa.array(ids.astype(np.float32)) for k in range(30)}
    return pa.table({"event_id": pa.array(ids), "class": pa.array(["odd"] * count), **numbers})


def ids_of(table: PartTable) -> list[int]:
    snapshot = table.snapshot()
    sealed = [pq.read_table(part.path).column("event_id").to_pylist() for part in snapshot.parts]
    tail = [] if snapshot.tail is None else snapshot.tail.column("event_id").to_pylist()
    return [event_id for part in sealed for event_id in part] + tail


@pytest.mark.parametrize("rows_per_part", [12, 1000])
@pytest.mark.parametrize("asked", [False, True])
def test_rows_that_come_while_others_are_kept_are_kept_the_next_time(
    tmp_path: Path, rows_per_part: int, asked: bool
) -> None:
    with closing(PartTable.create(tmp_path / "cells")) as table:
        table._rows_per_part = rows_per_part
        for first in range(1, 60, 15):
            table.append(few(first))
            table.append(few(first + 5))
            mark = table.mark()
            table.append(few(first + 10))
            if asked:
                # Who asks has what is in memory joined.
                table.snapshot()
            table.keep(mark)
            assert ids_of(table) == list(range(1, first + 15))
            with closing(PartTable.open(tmp_path / "cells")) as elsewhere:
                assert ids_of(elsewhere) == list(range(1, first + 10))
        table.keep(table.mark())
        with closing(PartTable.open(tmp_path / "cells")) as elsewhere:
            assert ids_of(elsewhere) == list(range(1, 61))
        table.seal()
        assert table.snapshot().tail is None and ids_of(table) == list(range(1, 61))


def test_rows_in_memory_take_little_more_than_they_hold(tmp_path: Path) -> None:
    with closing(PartTable.create(tmp_path / "cells")) as table:
        before = pa.total_allocated_bytes()
        for first in range(1, 5001, 5):
            table.append(few(first))
            if first % 500 == 1:
                table.keep(table.mark())
        table.keep(table.mark())
        held = pa.total_allocated_bytes() - before
        assert held < 1.5 * table.snapshot().tail.nbytes


def test_a_run_is_not_held_up_by_a_search_for_garbage_and_leaves_python_as_it_was(tmp_path: Path) -> None:
    interval_s = sys.getswitchinterval()
    with RunControl(tmp_path, makers=known_makers(lambda: KnownSource(20))) as control:
        run = control.start(RunRequest(source="known:", hold=True))
        assert gc.get_freeze_count() > 10_000 and sys.getswitchinterval() < interval_s
        control.begin(run.id)
        control.wait(run.id, 30)
        assert gc.get_freeze_count() == 0 and sys.getswitchinterval() == interval_s


def test_rows_that_are_kept_every_second_lie_in_few_pieces(tmp_path: Path) -> None:
    with closing(PartTable.create(tmp_path / "cells")) as table:
        for first in range(1, 60 * 300 + 1, 300):
            table.append(few(first, 300))
            table.keep(table.mark())
        # Each takes as much memory for its columns as some hundred rows do.
        assert len(table._tail) <= MOST_SMALL + 60 * 300 // 4096 + 1
        assert ids_of(table) == list(range(1, 60 * 300 + 1))
