"""An unrepeatable sample outlives the process, the disk space and the patience of whoever records it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from trace_samples import ramp, small_sheet

from acquisition.errors import TraceError
from acquisition.trace import TraceReader

HERE = str(Path(__file__).parent)

RECORD = """
import sys, time
sys.path.insert(0, sys.argv[2])
from trace_samples import ramp_block, small_sheet
from acquisition.origin import Origin
from acquisition.trace import TraceWriter
instrument, tick = small_sheet(), 0
writer = TraceWriter(sys.argv[1], instrument, origin=Origin.SIMULATED, chunk_samples=1 << 16)
while True:
    lost = 7 if tick and tick % 3 == 0 else 0
    writer.append(ramp_block(instrument, tick + lost, 20_011, lost_before=lost))
    tick += lost + 20_011
    print(writer.samples_written, time.monotonic(), flush=True)
    time.sleep(0.004)
"""

RECORD_THEN_WAIT = """
import sys, time
sys.path.insert(0, sys.argv[2])
from trace_samples import ramp_block, small_sheet
from acquisition.origin import Origin
from acquisition.recorder import Recorder
recorder = Recorder(sys.argv[1], small_sheet(), origin=Origin.SIMULATED)
recorder.start()
recorder.put(ramp_block(small_sheet(), 0, 5000))
print("waiting", flush=True)
time.sleep(60)
"""

FILL_THE_DISK = """
import sys
sys.path.insert(0, sys.argv[2])
from trace_samples import ramp_block, small_sheet
from acquisition.errors import RecordingStopped
from acquisition.origin import Origin
from acquisition.trace import TraceWriter
tick, writer = 0, TraceWriter(sys.argv[1], small_sheet(), origin=Origin.SIMULATED, chunk_samples=1 << 16)
try:
    while tick < 100_000_000:
        writer.append(ramp_block(small_sheet(), tick, 30_000))
        tick += 30_000
except RecordingStopped as stopped:
    print(writer.samples_written, tick, stopped)
writer.close()
"""


def _python(script: str, path: Path, *before: str) -> list[str]:
    return [*before, sys.executable, "-W", "error", "-c", script, str(path), HERE]


def _requires_ramp(reader: TraceReader) -> None:
    for segment in reader.segments():
        expected = ramp(small_sheet(), segment.first_sample, segment.n_samples)
        assert np.array_equal(reader.read(segment.row, segment.n_samples), expected)


@pytest.mark.parametrize("life_s", [0.05, 1.3, 1.71])
def test_a_killed_recording_lacks_at_most_its_last_second(tmp_path: Path, life_s: float) -> None:
    path = tmp_path / "a.h5"
    with subprocess.Popen(_python(RECORD, path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(life_s)
        killed_at = time.monotonic()
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.readlines()
    told = [line.split() for line in lines if line.endswith("\n")]
    safe = max((int(count) for count, when in told if float(when) < killed_at - 1.0), default=0)
    with TraceReader(path) as reader:
        assert not reader.complete
        assert reader.n_samples >= safe
        _requires_ramp(reader)
        assert all(segment.lost_before in (0, 7) for segment in reader.segments())


def test_a_killed_recording_that_was_also_cut_is_refused_not_read_as_zeros(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with subprocess.Popen(_python(RECORD, path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(1.2)
        process.kill()
    os.truncate(path, path.stat().st_size // 3)
    with pytest.raises(TraceError, match="cut short"):
        TraceReader(path)


def test_samples_are_safe_within_a_second_even_when_no_more_come(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with subprocess.Popen(_python(RECORD_THEN_WAIT, path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(1.0)
        process.kill()
    with TraceReader(path) as reader:
        assert reader.n_samples == 5000
        _requires_ramp(reader)


def test_a_recording_is_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with subprocess.Popen(_python(RECORD, path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lengths = []
        for _ in range(3):
            for _ in range(40):
                process.stdout.readline()
            with TraceReader(path) as reader:
                lengths.append(reader.n_samples)
                _requires_ramp(reader)
        process.kill()
    assert lengths == sorted(lengths)
    assert lengths[-1] > 0


def _limited() -> list[str]:
    return ["sh", "-c", 'ulimit -f 6000; exec "$@"', "limited"]


def _small_disk(folder: Path) -> list[str]:
    return ["unshare", "-Urm", "sh", "-c", f'mount -t tmpfs -o size=3m tmpfs "{folder}" && "$@" && '
            f'cp "{folder}/a.h5" "{folder}.copy"', "small"]  # fmt: skip


def _require_stopped_well(output: str, path: Path, reason: str) -> None:
    written, given, sentence = output.split(maxsplit=2)
    assert reason in sentence
    assert f"the {written} samples stored until then stay readable" in sentence
    with TraceReader(path) as reader:
        assert reader.complete
        assert reader.n_samples == int(written) > int(given) - 200_000 > 0
        _requires_ramp(reader)


def test_a_file_that_may_not_grow_stops_with_a_reason_and_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    done = subprocess.run(_python(FILL_THE_DISK, path, *_limited()), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    _require_stopped_well(done.stdout, path, "largest size allowed")


def test_a_full_disk_stops_with_a_reason_and_stays_readable(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a small disk")
    command = _python(FILL_THE_DISK, folder / "a.h5", *_small_disk(folder))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    _require_stopped_well(done.stdout, Path(f"{folder}.copy"), "the disk is full")
