"""kill -9 at random moments: is every file readable, how much is missing, and does the ledger say so.

`python -m benchmarks.kills 30` kills a service so many times, and recorders in proportion.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from acquisition.errors import TraceError
from acquisition.presets import instrument_preset
from acquisition.recording_tally import Tally, read_tally, tally_path
from acquisition.trace import TraceSequence
from benchmarks.service_kills import Victim, end_service, kill_service
from benchmarks.service_process import kill_all
from service.runs.control import RunControl

RATE_HZ = instrument_preset("sheet-ci").sample_rate_hz
TRACE = "trace-0001.h5"
TALLY = f"runs/*/{tally_path(Path(TRACE))}"
RECORD = f"""
import sys, time
import numpy as np
from acquisition.block import Block
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.recorder import Recorder
samples = np.random.default_rng(0).integers(-2000, 2000, (50_000, 2), dtype=np.int16)
sheet = instrument_preset("sheet-ci")
recorder = Recorder(sys.argv[1], sheet, origin=Origin.SIMULATED, waits=False, file_bytes=8 << 20)
recorder.start()
began, given = time.monotonic(), 0
while True:
    recorder.put(Block(samples, given))
    given += 50_000
    print(given, flush=True)
    time.sleep(max(0.0, began + given / {RATE_HZ} - time.monotonic()))
"""


@dataclass(frozen=True)
class Kill:
    """What one kill left: can it be read, seconds missing of it, and seconds missing by the book."""

    readable: bool
    missing_s: float
    in_ledger_s: float


def kill_recorder(folder: Path, life_s: float) -> Kill:
    """Kill a recorder that was given samples in real time; its tally is the book."""
    first = folder / TRACE
    with subprocess.Popen([sys.executable, "-c", RECORD, str(first)], stdout=subprocess.PIPE, text=True) as process:
        given = _kill_after(process, life_s)
    tally = read_tally(tally_path(first))
    try:
        with TraceSequence(first) as trace:
            stored = trace.n_samples
            trace.read(0, stored)
    except TraceError:
        return Kill(False, given / RATE_HZ, 0.0)
    in_ledger = 0 if tally is None else tally.missing(stored)
    return Kill(True, max(0, given - stored) / RATE_HZ, in_ledger / RATE_HZ)


def kill_run(folder: Path, life_s: float) -> Kill:
    """Kill `lightline run --record full` on a simulation in real time, and let the service recover the run."""
    command = [str(Path(sys.executable).with_name("lightline")), "run", "sim:sheet-ci?seconds=600&seed=1"]
    options = ["--speed", "1", "--record", "full", "--exit", "--data", str(folder), "--port", "0"]
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not any((read_tally(path) or Tally()).given for path in folder.glob(TALLY)):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError("The run that was to be killed did not begin.")
            time.sleep(0.02)
        time.sleep(life_s)
        kill_all(process.pid)
    (path,) = folder.glob(TALLY)
    given = (read_tally(path) or Tally()).given
    with RunControl(folder) as control:
        (run,) = control.runs()
        place = control.folder(run.id).path / TRACE
    try:
        with TraceSequence(place) as trace:
            stored = trace.n_samples
            trace.read(0, stored)
    except TraceError:
        return Kill(False, given / RATE_HZ, 0.0)
    return Kill(True, (given - stored) / RATE_HZ, run.ledger.unrecorded / RATE_HZ)


def _kill_after(process: subprocess.Popen[str], life_s: float) -> int:
    """Kill a process some time after its first line; return the number in its last whole line."""
    if process.stdout is None:
        return 0
    lines = [process.stdout.readline()]
    time.sleep(life_s)
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    return max((int(line) for line in lines if line.endswith("\n")), default=0)


def kills(kill: Callable[[Path, float], Kill], count: int, longest_s: float, seed: int) -> list[Kill]:
    """Kill at `count` random moments of up to `longest_s` seconds."""
    moments, done = random.Random(seed), []
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            done.append(kill(Path(folder), moments.uniform(0.0, longest_s)))
    return done


HEAD = ("killed at random moments", "kills", "unreadable", "most seconds missing", "most seconds not in the ledger")


def kill_at_work(folder: Path, life_s: float, victim: Victim = Victim.ALL) -> Kill:
    """Kill `lightline run`; what is missing are cells, of the age of the oldest one."""
    left = kill_service(folder, life_s, victim=victim)
    return Kill(left.whole, left.missing_s, left.missing_s - left.uncounted_s)


def figures(recorders: int = 44, runs: int = 6, services: int = 30) -> list[tuple[object, ...]]:
    """One row for each kind of process, for docs/measurements.md."""
    kinds = (
        ("the recorder's process", kills(kill_recorder, recorders, 1.6, 1)),
        ("`lightline run --record full`", kills(kill_run, runs, 2.0, 2)),
        ("`lightline run`, its cells", kills(kill_at_work, services - services // 6, 4.0, 3)),
        ("`lightline run` before its first cell", kills(kill_at_work, services // 6, -8.0, 4)),
        ("the process that answers alone", kills(partial(kill_at_work, victim=Victim.SERVICE), services // 6, 4.0, 5)),
        ("the process that acquires alone", kills(partial(kill_at_work, victim=Victim.LINE), services // 6, 4.0, 6)),
    )
    return [
        (
            name,
            len(done),
            sum(not kill.readable for kill in done),
            round(max(kill.missing_s for kill in done), 3),
            round(max(max(0.0, kill.missing_s - kill.in_ledger_s) for kill in done), 6),
        )
        for name, done in kinds
    ]


ENDS_HEAD = (
    "told to end (SIGTERM)",
    "times",
    "not sealed",
    "most seconds until sealed",
    "most until it is gone",
    "median",
)


def end_figures(count: int = 10) -> list[tuple[object, ...]]:
    """How a service at work ends, for docs/measurements.md."""
    moments, done = random.Random(5), []
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            done.append(end_service(Path(folder), moments.uniform(0.0, 4.0)))
    took, until_sealed = sorted(end.took_s for end in done), max(end.sealed_s for end in done)
    row = ("`lightline run --speed max --record full`", count, sum(not end.sealed for end in done))
    return [(*row, round(until_sealed, 2), round(took[-1], 2), round(took[count // 2], 2))]


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(" | ".join(HEAD))
    for row in figures(recorders=44 * wanted // 30, runs=6 * wanted // 30, services=wanted):
        print(*row, sep=" | ")
    print(" | ".join(ENDS_HEAD))
    for row in end_figures(max(1, wanted // 3)):
        print(*row, sep=" | ")
