"""Sealed parts get to a folder of files, wherever it is, whole and once, and one question reaches all runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from pyarrow import fs

from acquisition.errors import ConfigError
from service.run import RunState
from service.settings import Settings
from service.sink.copier import Copier
from service.sink.errors import SinkAway
from service.sink.files import PartFiles
from service.sink.sealed import SealedPart, parts_of, sets_of
from service.status import SinkStatus
from service.store.copied import is_copied
from service.store.run_folder import RunFolder

Fill = Callable[[RunFolder, int, int], None]


@pytest.fixture
def done(live_folder: RunFolder, fill: Fill) -> RunFolder:
    """A finished run of two parts a table."""
    for first, last in ((1, 30), (31, 60)):
        fill(live_folder, first, last)
        live_folder.seal()
    live_folder.save_run(live_folder.run().model_copy(update={"state": RunState.DONE}))
    return live_folder


def sealed(folder: RunFolder) -> list[SealedPart]:
    return [part for about, path in sets_of(folder.path) for part in parts_of(about, path, beside=False)]


def copied_by(root: Path, address: str) -> SinkStatus:
    sink = Copier(root, address, pause_s=0.02)
    sink.start()
    return sink.close(60.0)


@pytest.mark.parametrize("scheme", ["file", "fsspec+memory"])
def test_parts_are_the_same_files_and_are_copied_once(done: RunFolder, tmp_path: Path, scheme: str) -> None:
    address = f"{scheme}://{tmp_path}/lab"
    status = copied_by(done.path.parent, address)
    assert (status.copied_rows, status.behind_rows, status.error) == (60, 0, None)
    system, root = fs.FileSystem.from_uri(address)
    run = done.run().id
    for part in sealed(done):
        with system.open_input_stream(f"{root}/{part.table}/run={run}/results=live/{part.part.path.name}") as stream:
            assert stream.read() == part.part.path.read_bytes()
    assert is_copied(done.path, address)
    assert copied_by(done.path.parent, address).copied_rows == 0


def test_one_question_reaches_all_runs(done: RunFolder, tmp_path: Path) -> None:
    copied_by(done.path.parent, f"file://{tmp_path}/lab")
    cells = f"read_parquet('{tmp_path}/lab/cells/*/*/*.parquet', hive_partitioning = true, union_by_name = true)"
    found = duckdb.sql(f"SELECT run, results, count(*) FROM {cells} GROUP BY ALL").fetchall()
    assert found == [(done.run().id, "live", done.results().cells.page().total)]


def test_a_set_made_again_replaces_its_files(done: RunFolder, tmp_path: Path) -> None:
    sink = PartFiles(f"file://{tmp_path}/lab")
    for again in ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"):
        changed = [
            SealedPart(part.about.model_copy(update={"started_at": again}), part.table, part.part)
            for part in sealed(done)
        ]
        sink.begin(changed[0].about)
        assert not sink.copied(changed[0].about)
        for part in changed[: 4 if again.startswith("2026-01-01") else 1]:
            sink.copy(part)
        sink.begin(changed[0].about)
    assert len(list((tmp_path / "lab").glob("*/run=*/results=live/*.parquet"))) == 1


def test_what_is_cut_off_is_not_there_and_comes_later(
    done: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, part = PartFiles(f"file://{tmp_path}/lab"), sealed(done)[0]
    sink.begin(part.about)

    class Cut:
        def __getattr__(self, name: str) -> object:
            if name == "move":
                raise OSError("the cable was pulled")
            return getattr(fs.LocalFileSystem(), name)

    with monkeypatch.context() as patched:
        patched.setattr(sink, "_system", Cut())
        with pytest.raises(SinkAway, match="cable"):
            sink.copy(part)
    assert not sink.copied(part.about)
    assert sink.copy(part) == part.part.rows and len(sink.copied(part.about)) == 1


def test_a_place_that_is_away_is_waited_for(done: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "mount").touch()
    sink = Copier(done.path.parent, f"file://{tmp_path}/mount/lab", pause_s=0.02)
    sink.start()
    until = time.monotonic() + 60
    while not sink.status().failures and time.monotonic() < until:
        time.sleep(0.01)
    assert sink.status().behind_rows == 60 and not sink.status().connected
    (tmp_path / "mount").unlink()
    while sink.status().behind_rows and time.monotonic() < until:
        time.sleep(0.01)
    assert sink.close(60.0).copied_rows == 60
    shutil.rmtree(tmp_path / "mount")


@pytest.mark.parametrize("address", ["file:", "s3://", "ftp://host/x", "s3://key:secret@bucket/x"])
def test_addresses_that_are_none_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="sink"):
        Settings.load({}, sink=address)
