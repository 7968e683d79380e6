"""Over HTTP the same files: streamed, with progress, few at a time, and problems said before the first byte."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from exporting import export, stored
from served import World

from service.export.csv_table import CsvExporter
from service.export.formats import Format, exporter_for
from service.export.under_way import MOST_AT_ONCE
from service.store.use import unused


def address(world: World) -> str:
    return f"/api/v1/runs/{world.run.id}/export"


@pytest.mark.parametrize("kind", list(Format))
def test_a_file_over_http_is_the_file_of_the_command_line(world: World, tmp_path: Path, kind: Format) -> None:
    few = {"cells": 3}
    answer = world.client.get(address(world), params={"format": kind.value, **few})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == exporter_for(kind).media_type
    assert answer.headers["lightline-origin"] == "simulated" and int(answer.headers["lightline-export"]) > 0
    assert f"{world.run.id}-simulated-cells" in answer.headers["content-disposition"]
    assert export(world, kind.value, tmp_path / "same", "--cells", 3) == 0
    assert len(answer.content) == pytest.approx((tmp_path / "same").stat().st_size, rel=0.01)
    # Nothing is left behind, and nothing is under way any more.
    assert not list((world.data / "exports").glob("*/*"))
    assert world.client.get("/api/v1/exports").json() == {"exports": []}


def test_a_filter_and_the_rejected(world: World) -> None:
    params = {"format": "parquet", "where": "diameter_um > 8"}
    wanted = world.client.get(world.cells, params={"where": "diameter_um > 8", "limit": 1000}).json()["rows"]
    found = pq.read_table(io.BytesIO(world.client.get(address(world), params=params).content))
    assert found.column("event_id").to_pylist() == [row["event_id"] for row in wanted]
    answer = world.client.get(address(world), params={"format": "parquet", "rejected": True})
    assert pq.read_table(io.BytesIO(answer.content)).num_rows == stored(world, "rejected").num_rows
    assert "-rejected.parquet" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("run", "params", "status", "named"),
    [
        (None, {"format": "exe"}, 422, "format"),
        (None, {}, 422, "format"),
        (None, {"format": "csv", "where": "nonsense > 1"}, 422, "nonsense"),
        (None, {"format": "fcs", "where": "'; DROP TABLE cells --"}, 422, "filter"),
        (None, {"format": "parquet", "event": 999_999}, 404, "999999"),
        (None, {"format": "csv", "channel": "transmission"}, 422, "channel"),
        (None, {"format": "csv", "cells": 0}, 422, "cells"),
        ("20260101T120000000Z-000000", {"format": "csv"}, 404, "no run"),
        ("..%2F..%2Fetc", {"format": "csv"}, 404, ""),
        ("%00", {"format": "csv"}, 404, "no run"),
        ("x" * 500, {"format": "csv"}, 404, "no run"),
    ],
)
def test_what_cannot_be_exported_is_a_problem_document(
    world: World, run: str | None, params: dict[str, object], status: int, named: str
) -> None:
    answer = world.client.get(f"/api/v1/runs/{run or world.run.id}/export", params=params)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert named in answer.json()["detail"]
    assert world.client.get("/api/v1/exports").json() == {"exports": []}


def test_strangers_get_nothing_and_readers_everything(world: World) -> None:
    assert world.stranger.get(address(world), params={"format": "csv"}).status_code == 401
    reader = {"Authorization": f"Bearer {world.tokens.reader}"}
    assert world.stranger.get(address(world), params={"format": "csv"}, headers=reader).status_code == 200


def may_be_removed(world: World) -> bool:
    with unused(world.data / "runs" / world.run.id) as may_go:
        return may_go


def test_progress_is_told_and_a_caller_who_leaves_makes_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: CsvExporter, wanted: object, progress: object) -> object:
        yield b"event_id\n"
        for k in range(1, 1000):
            progress(k, 1000)
            time.sleep(0.02)
            yield b"1\n" * 50_000

    monkeypatch.setattr(CsvExporter, "pieces", slow)
    params = {"format": "csv"}
    with httpx.Client(base_url=world.url, headers=world.client.headers, timeout=30) as other:
        with world.client.stream("GET", address(world), params=params), other.stream(
            "GET", address(world), params=params
        ) as second:  # fmt: skip
            read = second.iter_raw()  # Kept: httpx closes a connection whose iterator is given up.
            next(read)
            under_way = world.stranger.get("/api/v1/exports", headers=world.client.headers).json()["exports"]
            assert len(under_way) == MOST_AT_ONCE
            assert under_way[1]["format"] == "csv" and under_way[1]["run"] == world.run.id
            assert 0 <= under_way[1]["done"] <= under_way[1]["total"] and under_way[1]["seconds"] > 0
            refused = world.stranger.get(address(world), params=params, headers=world.client.headers)
            assert refused.status_code == 409 and "under way" in refused.json()["detail"]
            assert not may_be_removed(world) or sys.platform == "win32"
        deadline = time.monotonic() + 20
        while world.stranger.get("/api/v1/exports", headers=world.client.headers).json()["exports"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert may_be_removed(world)
