"""Exports as people make them, and the rows that they have to hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from served import World

from service.cli import main
from service.runs.control import RUNS


def run_folder(world: World) -> Path:
    return world.data / RUNS / world.run.id


def export(world: World, kind: str, out: Path, *options: object) -> int:
    """Call `lightline export`; return its exit code."""
    command = ["export", str(run_folder(world)), "--format", kind, "--out", str(out), *map(str, options)]
    with pytest.raises(SystemExit) as ended:
        main(command, "lightline")
    return int(ended.value.code or 0)


def stored(world: World, table: str = "cells") -> Any:
    """The rows as they stand in the run folder, `pyarrow.Table` in event order."""
    rows = pq.read_table(run_folder(world) / table)
    assert isinstance(rows, pa.Table)
    return rows.sort_by("event_id")
