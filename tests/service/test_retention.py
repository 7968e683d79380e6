"""A disk that fills up is said early, and only runs that nobody needs make room."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from line_parts import KnownSource, known_makers
from pydantic import ByteSize

from service import clock
from service.apart.child import upkeep_of
from service.audit import AuditLog
from service.cli import main
from service.errors import RunFolderError, StorageError, UnknownRun
from service.run import Run, RunRequest, RunState
from service.runs.control import RunControl
from service.runs.data_lock import DataLock
from service.settings import Settings
from service.store import upkeep
from service.store.copied import note_copied, signature
from service.store.disk_watch import DiskWatch, Watermarks, free_bytes
from service.store.retention import PINNED, REMOVING, Kept, Removal, Retention, removals, remove
from service.store.run_folder import RunFolder
from service.store.upkeep import Upkeep
from service.store.use import Use

READS_A_RUN = """
import sys
from pathlib import Path
from service.store.run_folder import RunFolder
folder = RunFolder.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""

GIB = 1 << 30
NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, MIDDLE, NEW = (f"20260{month}01T000000000Z-abcdef" for month in (1, 2, 3))


class Disk:
    """A disk that is written to at a rate, and its clock."""

    def __init__(self, free: int) -> None:
        self.free, self.now = free, 0.0

    def write(self, n_bytes: int, seconds: float) -> None:
        self.free -= n_bytes
        self.now += seconds

    def watch(self, marks: Watermarks) -> DiskWatch:
        return DiskWatch(Path("data"), marks, lambda folder: self.free, lambda: self.now)


def test_a_disk_is_warned_of_below_its_mark_and_once(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(12 * GIB)
    watch = disk.watch(Watermarks(10 * GIB, 0.0, GIB))
    with caplog.at_level(logging.INFO, "lightline"):
        for _ in range(40):
            disk.write(GIB // 10, 2.0)
            status = watch.look()
            assert status.warning is (status.free_bytes < 10 * GIB)
        disk.free = 11 * GIB
        disk.now += 2
        assert not watch.look().warning
    assert [record.what for record in caplog.records] == ["storage_warning", "storage_ok"]  # type: ignore[attr-defined]


def test_the_mark_rises_with_the_rate_and_falls_with_it() -> None:
    disk = Disk(100 * GIB)
    watch = disk.watch(Watermarks(10 * GIB, 30.0, GIB))
    assert not watch.look().warning
    for _ in range(30):
        disk.write(100 << 20, 1.0)
        status = watch.look()
    assert status.written_bytes_per_s == pytest.approx(100 << 20, rel=1e-6)
    # 30 minutes of 100 MiB/s are 176 GiB.
    assert status.warning and status.warn_below_bytes == pytest.approx(1800 * (100 << 20), rel=1e-6)
    for _ in range(70):
        disk.write(0, 1.0)
        status = watch.look()
    assert not status.warning and status.warn_below_bytes == 10 * GIB


def test_no_run_begins_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    too_high = Upkeep(tmp_path, Watermarks(refuse_bytes=free_bytes(tmp_path) * 2))
    with RunControl(tmp_path / "new", makers=known_makers(lambda: KnownSource(10)), upkeep=too_high) as control:
        with pytest.raises(StorageError, match="--disk-refuse"):
            control.start(RunRequest(source="known:"))
        status = control.status()
        assert status.state == "idle" and status.disk is not None
        assert status.disk.refuse_below_bytes > status.disk.free_bytes > 0
        assert not control.runs()


@pytest.fixture
def kept(known_run: Run) -> Callable[..., Kept]:
    def make(run_id: str, days: float, n_bytes: int, protected: str = "") -> Kept:
        ended = (NOW - timedelta(days=days)).isoformat()
        return Kept(known_run.model_copy(update={"id": run_id, "ended_at": ended}), n_bytes, protected)

    return make


def test_what_is_too_old_goes_and_then_the_oldest_until_the_rest_fits(kept: Callable[..., Kept]) -> None:
    three = [kept(OLD, 40, 10), kept(MIDDLE, 20, 10), kept(NEW, 1, 10)]

    def gone(retention: Retention, *runs: Kept) -> list[str]:
        return [removal.run_id for removal in removals(runs or three, retention, NOW)]

    assert gone(Retention()) == []
    assert gone(Retention(days=30)) == [OLD]
    assert gone(Retention(most_bytes=20)) == [OLD] and gone(Retention(most_bytes=19)) == [OLD, MIDDLE]
    assert gone(Retention(days=30, most_bytes=10)) == [OLD, MIDDLE]
    assert gone(Retention(days=0.5, most_bytes=0)) == [OLD, MIDDLE, NEW]
    # What is protected stays, and the next ones make the room.
    assert gone(Retention(1, 10), kept(OLD, 40, 10, "pinned"), kept(MIDDLE, 20, 10), kept(NEW, 0, 10)) == [MIDDLE, NEW]
    # A run from the future has no age.
    assert gone(Retention(days=1), kept(NEW, -400, 10)) == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with three finished runs."""
    with RunControl(tmp_path, makers=known_makers(lambda: KnownSource(10))) as control:
        for _ in range(3):
            control.wait(control.start(RunRequest(source="known:")).id, 60)
    return tmp_path


def run_ids(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "runs").iterdir())


def test_old_runs_go_whole_before_the_next_one_and_each_is_written_down(data: Path) -> None:
    first, second, third = run_ids(data)
    (data / "runs" / second / PINNED).touch()
    (data / REMOVING / "left by a crash").mkdir(parents=True)
    keep = Upkeep(data, Watermarks(), Retention(most_bytes=1))
    with RunControl(data, makers=known_makers(lambda: KnownSource(10)), upkeep=keep) as control:
        assert control.folder(first).run().state is RunState.DONE
        run = control.wait(control.start(RunRequest(source="known:")).id, 60)
        assert [one.id for one in control.runs()] == [second, run.id]
        with pytest.raises(UnknownRun):
            control.folder(first)
    assert run_ids(data) == [second, run.id] and not (data / REMOVING).exists()
    lines = [json.loads(line) for line in (data / "audit.log").read_text().splitlines()]
    assert [(line["who"], line["removed"]) for line in lines] == [("retention", first), ("retention", third)]
    assert all(line["bytes"] > 0 and "at" in line and "more than 1 bytes" in line["why"] for line in lines)


def test_no_run_is_too_old_by_a_clock_that_was_set_meanwhile(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Upkeep(data, Watermarks(), Retention(days=30))
    before = run_ids(data)
    with RunControl(data, makers=known_makers(lambda: KnownSource(10)), upkeep=keep) as control:
        monkeypatch.setattr(clock, "utc", lambda: datetime.now(UTC) + timedelta(days=3650))
        monkeypatch.setattr(upkeep, "utc", lambda: datetime.now(UTC) + timedelta(days=3650))
        control.wait(control.start(RunRequest(source="known:")).id, 60)
    assert set(before) < set(run_ids(data)) and not (data / "audit.log").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked")
def test_a_run_that_somebody_reads_for_long_stays_until_it_is_closed(data: Path) -> None:
    first, second, third = run_ids(data)
    runs = data / "runs"

    def prune() -> str:
        done = CliRunner().invoke(main, ["runs", "prune", "--retention-bytes", "0", "--data", str(data)])
        assert done.exit_code == 0, done.output
        return done.output

    reader = [sys.executable, "-c", READS_A_RUN, str(runs / first)]
    with subprocess.Popen(reader, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as elsewhere:
        assert elsewhere.stdout is not None and elsewhere.stdout.readline() == "open\n"
        here = RunFolder.open(runs / second)
        assert "1 runs removed" in prune() and run_ids(data) == [first, second]
        here.close()
        assert "1 runs removed" in prune() and run_ids(data) == [first]
        # However it ends.
        elsewhere.kill()
    assert "1 runs removed" in prune() and run_ids(data) == []
    assert third not in run_ids(data)


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked")
def test_a_run_that_somebody_began_to_read_since_it_was_chosen_stays(data: Path) -> None:
    first = run_ids(data)[0]
    removal, audit = Removal(first, 1, "it is old"), AuditLog(data)
    use = Use(data / "runs" / first)
    assert not remove(data / "runs", removal, audit, "me") and first in run_ids(data)
    assert not (data / "audit.log").exists()
    use.end()
    assert remove(data / "runs", removal, audit, "me") and first not in run_ids(data)
    # What is not there is nobody's.
    Use(data / "runs" / first).end()
    with pytest.raises(RunFolderError):
        RunFolder.open(data / "runs" / first)


def test_the_command_line_lists_pins_says_and_removes(data: Path) -> None:
    def lightline(*words: str) -> str:
        done = CliRunner().invoke(main, ["runs", *words, "--data", str(data)])
        assert done.exit_code == 0, done.output
        return done.output

    first, second, third = run_ids(data)
    (data / "runs" / second / "labels.jsonl").touch()
    lightline("pin", first)
    listed = lightline("list").splitlines()
    assert [line.split()[0] for line in listed] == [first, second, third]
    assert "done pinned" in listed[0] and "done labelled" in listed[1] and " MB  done" in listed[2]
    assert "1 runs would be removed" in lightline("prune", "--retention-bytes", "1", "--dry-run")
    assert len(run_ids(data)) == 3
    assert third in lightline("prune", "--retention-bytes", "1")
    assert run_ids(data) == [first, second]
    lightline("unpin", first)
    assert "2 runs removed" in lightline("prune", "--retention-bytes", "0", "--labelled")
    assert run_ids(data) == []
    assert [json.loads(line)["who"] for line in (data / "audit.log").read_text().splitlines()] == ["command line"] * 3


def test_a_run_waits_for_the_sink_and_is_said_to(data: Path) -> None:
    sink = "postgresql://me@lab/cells"

    def prune(*words: str) -> str:
        done = CliRunner().invoke(main, ["runs", "prune", "--retention-bytes", "0", *words, "--data", str(data)])
        assert done.exit_code == 0, done.output
        return done.output

    first, second, third = run_ids(data)
    for run_id in (first, second):
        note_copied(data / "runs" / run_id, sink, signature(data / "runs" / run_id))
    (data / "runs" / second / "cells" / "part-00009.parquet").touch()
    said = prune("--sink", sink, "--dry-run")
    assert "1 runs would be removed" in said
    waiting = [line.split()[0] for line in said.splitlines() if "stays until the sink has all of it" in line]
    assert waiting == [second, third] and len(run_ids(data)) == 3
    keep = upkeep_of(Settings(data=data, retention_bytes=ByteSize(0), sink=sink))
    with RunControl(data, makers=known_makers(lambda: KnownSource(10)), upkeep=keep) as control:
        fourth = control.wait(control.start(RunRequest(source="known:")).id, 60).id
    assert run_ids(data) == [second, third, fourth]
    assert "3 runs removed" in prune("--sink", sink, "--uncopied") and not run_ids(data)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["prune"], "--retention-days"), (["pin", NEW], "runs list"), (["pin", "../x"], "There is no run")],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, ["runs", *words, "--data", str(tmp_path)])
    assert done.exit_code == 2 and sentence in done.output and done.output.count("\n") == 1


def test_a_data_folder_in_use_is_not_pruned_from_outside(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    assert lock.acquire()
    done = CliRunner().invoke(main, ["runs", "prune", "--retention-days", "1", "--data", str(tmp_path)])
    lock.release()
    assert done.exit_code == 2 and "retention_days" in done.output
