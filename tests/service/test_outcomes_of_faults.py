"""What goes wrong outside has a name inside: a clock that is set, a model's file that is gone, a disk that is full."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from line_parts import KnownSource, known_makers
from tiny_bundle import tiny_bundle

from inference.bundle import Bundle
from service import clock
from service.api.auth import Tokens
from service.run import FinishReason, RunRequest, RunState
from service.runs.control import RunControl
from service.store.run_folder import RunFolder

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture
def jumping_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The host's clock, an hour ahead or behind at every second question."""
    steps = itertools.cycle([timedelta(hours=1), timedelta(), timedelta(hours=-1)])
    monkeypatch.setattr(clock, "utc", lambda: datetime.now(UTC) + next(steps))
    monkeypatch.setattr("service.identity.utc", clock.utc)
    monkeypatch.setattr("service.api.auth.utc", clock.utc)
    yield


@pytest.mark.usefixtures("jumping_clock")
def test_a_clock_that_jumps_an_hour_back_and_forth_changes_no_run(tmp_path: Path) -> None:
    with RunControl(tmp_path, makers=known_makers(lambda: KnownSource(300, pause_s=0.002))) as control:
        began = time.monotonic()
        runs = [control.wait(control.start(RunRequest(source="known:")).id, 60) for _ in range(3)]
        took_s = time.monotonic() - began
        latency = control.status().latency["total"]
        for run in runs:
            assert (run.state, run.finish_reason, run.ledger.detected) == (RunState.DONE, "source_ended", 300)
            assert run.lasted_s is not None and 0 < run.lasted_s < took_s
        assert 0 < latency.p50_ms <= latency.max_ms < 1e3 * took_s
        assert len({run.id for run in control.runs()}) == 3


def test_a_run_says_how_far_the_clock_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunControl(tmp_path, makers=known_makers(lambda: KnownSource(100))) as control:
        run = control.start(RunRequest(source="known:", hold=True))
        control.begin(run.id)
        quiet = control.wait(run.id, 60)
        run = control.start(RunRequest(source="known:", hold=True))
        release = threading.Event()
        monkeypatch.setattr(KnownSource, "truth", lambda self: release.wait(30) and None)
        control.begin(run.id)
        monkeypatch.setattr(clock, "utc", lambda: datetime.now(UTC) - timedelta(hours=1))
        release.set()
        set_back = control.wait(run.id, 60)
    assert quiet.clock_set_s == 0.0
    assert set_back.clock_set_s == pytest.approx(-3600, abs=30)
    assert set_back.ended_at is not None and set_back.ended_at < set_back.started_at
    assert set_back.lasted_s is not None and 0 < set_back.lasted_s < 60


@pytest.mark.usefixtures("jumping_clock")
def test_a_session_ends_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens.make("owner")
    cookie, seconds = tokens.new_session("owner")
    assert all(tokens.session(cookie) for _ in range(6))
    later = time.monotonic() + seconds + 1
    monkeypatch.setattr("service.api.auth.time.monotonic", lambda: later)
    assert tokens.session(cookie) is None


def test_one_place_asks_for_the_time_of_day() -> None:
    asks = re.compile(r"\btime\.time(_ns)?\(|\bdatetime\.(now|utcnow|today)\(|\btime\.(gmtime|localtime)\(\)")
    found = {
        str(path.relative_to(ROOT))
        for room in ("service", "inference", "reconstruction")
        for path in (ROOT / room).rglob("*.py")
        if asks.search(path.read_text())
    }
    assert found == {"service/clock.py"}


def test_a_run_goes_on_with_the_model_that_it_was_armed_with(tmp_path: Path) -> None:
    path = tmp_path / "mine.bundle"
    tiny_bundle().save(path)
    armed = Bundle.load(path)
    with RunControl(tmp_path / "data", provider="cpu") as control:
        request = RunRequest(source="sim:sheet-ci?cells=12&rate=8&seed=3", bundle=str(path), hold=True)
        run = control.start(request)
        path.write_bytes(b"another file")
        control.begin(run.id)
        run = control.wait(run.id, 120)
        path.unlink()
        assert (run.state, run.finish_reason) == (RunState.DONE, FinishReason.SOURCE_ENDED)
        assert run.ledger.stored > 0 and run.bundle_digest == armed.digest
        # Explanations come from the run's own copy.
        assert control.engine_for(run.id).contract == armed.contract
        kept = Bundle.load(control.folder(run.id).results().bundle_path())
    assert kept.digest == armed.digest and kept.to_bytes() == armed.to_bytes()


FULL_DISK = """
    import shutil, sys
    sys.path[:0] = [{here!r}]
    from pathlib import Path
    from dataclasses import replace
    import numpy as np
    from line_parts import KnownDetector, KnownSource, known_makers
    from service.run import RunRequest
    from service.runs.arming import Makers
    from service.runs.control import RunControl
    from service.store.disk_watch import Watermarks
    from service.store.upkeep import Upkeep

    class LargeWindows(KnownDetector):
        def push(self, block):
            return [replace(event, window=np.ones((20_000, 2), np.int16)) for event in super().push(block)]

    data = Path({data!r})
    known = known_makers(lambda: KnownSource(None, pause_s=0.001))
    makers = Makers(known.source, LargeWindows, known.transform, known.bundle, known.engine)
    with RunControl(data, makers=makers, upkeep=Upkeep(data, Watermarks(0, 0.0, 0))) as control:
        request = RunRequest(source="known:", record="full")
        run = control.wait(control.start(request).id, 120)
        print(run.model_dump_json())
    shutil.copytree(data, {copy!r})
"""


def test_a_disk_that_is_really_full_ends_the_run_and_what_was_stored_is_whole(tmp_path: Path) -> None:
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if not sys.platform.startswith("linux") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a small disk")
    code = textwrap.dedent(FULL_DISK.format(here=str(HERE), data=f"{disk}/data", copy=str(copy)))
    small = ["unshare", "-Urm", "sh", "-c", f'mount -t tmpfs -o size=160m tmpfs "{disk}" && "$@"', "small"]
    done = subprocess.run([*small, sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0 and not done.stderr, done.stderr
    told = json.loads(done.stdout)
    (path,) = (copy / "runs").iterdir()
    folder = RunFolder.open(path)
    run = folder.run()
    assert json.loads(run.model_dump_json()) == told
    assert (run.state, run.finish_reason) == (RunState.DONE, FinishReason.STORAGE)
    assert run.error is not None and "\n" not in run.error
    ledger = run.ledger
    assert ledger.in_flight == 0
    assert ledger.detected == ledger.stored + sum(ledger.rejected.values()) + sum(ledger.dropped.values())
    rows = folder.results().cells.page(limit=10_000).rows
    assert len(rows) == ledger.stored > 0
    for row in rows[:: max(1, len(rows) // 20)]:
        assert folder.event(row["event_id"]).event_id == row["event_id"]
        assert (folder.image(row["event_id"], "transmission") == row["event_id"]).all()
    assert 0 < ledger.recorded <= ledger.samples
    folder.close()
