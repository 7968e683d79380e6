"""A long run in which everything goes wrong that can: is one cell lost or doubled, and does memory grow.

`python -m benchmarks.soak [MINUTES]` plays a simulated time stretch with 500 cells/s to a service of its own whose two
worker processes are killed (-9) at random every few seconds, while a third worker is slowed down until it is taken for
dead, and a viewer asks for every cell and reads none. The source waits where the line is slow, so that the queue of
batches stands at its bound whenever there are no workers.

Cells flow at 0.1 m/s, as in `benchmarks.latency` and four times as fast as the preset says: their windows are a quarter
as long, so that those of 30 minutes fit on a disk, and fewer cells lie in one window.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from websockets.sync.client import connect

from acquisition.detection import detector_for
from acquisition.source import blocks, open_source
from benchmarks.service_process import LIGHTLINE, address_of, line_of, memory_mb, start_service
from service.client import Client, ClientError
from service.run import Run
from service.status import ServiceState
from service.store.run_files import read_run
from service.store.run_folder import RunFolder

RATE_HZ = 500
LOOP_S = 0.5
SOURCE = f"sim:stretch-ci?rate={RATE_HZ}&loop={LOOP_S:g}&seed=11&speed=max&instrument.flow_speed_m_s=0.1"
SETTLED_MIN = 3.0
"""Minutes of the stream after which memory is to be flat; of a short run, its second half."""
BETWEEN_KILLS_S = 4.0
STOPPED_S, RUNNING_S = 0.3, 0.1
LONG_STOP_S, LONG_STOP_EVERY = 12.0, 100
"""Longer than the service waits for a silent worker."""


@dataclass
class Seen:
    """What was done to the run, and what was seen of it from outside."""

    killed: int = 0
    stopped: int = 0
    at_bound: int = 0
    given_again: int = 0
    replaced: int = 0
    ignored: int = 0
    asked: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Minutes of the stream, and MB of the service, while samples were taken."""
    closing_mb: float = 0.0
    """Most of the service afterwards."""


def soak(folder: Path, minutes: float) -> tuple[Run, Seen]:
    """Run it; return the finished run and what was seen."""
    seen, ended = Seen(), threading.Event()
    options = ["--exit", "--workers", "2", "--transport", "tcp://127.0.0.1:*"]
    with start_service(f"{SOURCE}&seconds={60 * minutes:g}", folder, *options) as service:
        address, token = address_of(service)
        threading.Thread(target=drain, args=(service,), daemon=True).start()
        with Client(address, token=token) as client:
            while (status := client.status()).ledger.stored == 0:
                time.sleep(0.2)
            url = f"{address.replace('http', 'ws')}/api/v1/runs/{status.run_id}/live?after=0"
            with (
                _process([LIGHTLINE, "worker", "--connect", status.address, "--name", "slowed"]) as slowed,
                connect(url, additional_headers={"Authorization": f"Bearer {token}"}, max_queue=1, ping_interval=None),
            ):
                troubles = [
                    threading.Thread(target=_kill, args=(service.pid, seen, ended)),
                    threading.Thread(target=_slow, args=(slowed, seen, ended)),
                ]
                for thread in troubles:
                    thread.start()
                try:
                    _watch(client, service, seen)
                finally:
                    ended.set()
                    for thread in troubles:
                        thread.join()
    return read_run(folder / "runs" / str(status.run_id)), seen


def figures(minutes: float = 3.0) -> list[tuple[object, ...]]:
    """Rows of what was done, and of what became of it, for docs/measurements.md."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        run, seen = soak(Path(folder), minutes)
        took_s = time.monotonic() - began
        ids = stored_ids(Path(folder), run)
        used = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    samples, detected = _truth(minutes)
    ledger = run.ledger
    memory = np.array(seen.memory)
    settled = memory[memory[:, 0] > min(SETTLED_MIN, minutes / 2)]
    slope = np.polyfit(settled[:, 0], settled[:, 1], 1)[0]
    quarters = np.array_split(memory[:, 1], 4)
    moved = ", ".join(f"{quarter.min():.0f} to {quarter.max():.0f}" for quarter in quarters)
    return [
        ("simulated minutes, and minutes that they took", f"{minutes:g}, {took_s / 60:.1f}"),
        ("workers killed, replaced", f"{seen.killed}, {seen.replaced}"),
        ("times the slowed worker was stopped", seen.stopped),
        ("batches given again, late answers ignored", f"{seen.given_again}, {seen.ignored}"),
        ("share of the time that the queue of batches was at its bound", f"{seen.at_bound / max(1, seen.asked):.2f}"),
        ("samples less those of the stream", ledger.samples - samples),
        ("events less those of a detector alone", ledger.detected - detected),
        ("cells stored, events rejected", f"{ledger.stored}, {sum(ledger.rejected.values())}"),
        ("dropped, in flight", f"{sum(ledger.dropped.values())}, {ledger.in_flight}"),
        (
            "event ids missing in the files, twice in the files",
            f"{detected - len(set(ids))}, {len(ids) - len(set(ids))}",
        ),
        ("memory of the service in each quarter of the stream, least to most (MB)", moved),
        (
            f"its slope from minute {settled[0, 0]:.1f} on (MB a minute of the stream, bytes an event)",
            f"{slope:+.2f}, {1e6 * slope * minutes / detected:+.0f}",
        ),
        ("most while the run was closed (MB)", f"{seen.closing_mb:.0f}"),
        ("finish reason, GB on disk", f"{run.finish_reason}, {used / 1e9:.1f}"),
    ]


HEAD = ("500 simulated cells/s, and everything goes wrong", "")


def _watch(client: Client, service: subprocess.Popen[str], seen: Seen) -> None:
    """Ask for the status until the service is gone."""
    with open_source(SOURCE) as source:
        samples_per_min = 60 * source.instrument.sample_rate_hz
    while service.poll() is None:
        try:
            status = client.status()
        except ClientError:
            break
        used_mb = memory_mb(service.pid)
        if status.state is ServiceState.ACQUIRING:
            batches = status.queues.get("batches")
            seen.asked += 1
            seen.at_bound += batches is not None and batches.size >= batches.bound
            seen.given_again, seen.ignored = status.batches_given_again, status.answers_ignored
            seen.replaced = status.workers_replaced
            seen.memory.append((status.ledger.samples / samples_per_min, used_mb))
        else:
            seen.closing_mb = max(seen.closing_mb, used_mb)
        time.sleep(0.5)
    service.wait()


def _kill(service: int, seen: Seen, ended: threading.Event) -> None:
    moments = random.Random(1)
    while not ended.wait(moments.expovariate(1 / BETWEEN_KILLS_S)):
        workers = _workers(service)
        if workers:
            # It may have ended meanwhile.
            with suppress(ProcessLookupError):
                os.kill(moments.choice(workers), signal.SIGKILL)
                seen.killed += 1


def _slow(worker: subprocess.Popen[bytes], seen: Seen, ended: threading.Event) -> None:
    while not ended.wait(RUNNING_S):
        worker.send_signal(signal.SIGSTOP)
        seen.stopped += 1
        ended.wait(LONG_STOP_S if seen.stopped % LONG_STOP_EVERY == 0 else STOPPED_S)
        worker.send_signal(signal.SIGCONT)


def _workers(service: int) -> list[int]:
    """Worker processes of a service, which its line has begun."""
    line = line_of(service)
    if line is None:
        return []
    listed = subprocess.run(["pgrep", "-P", str(line), "-f", "worker_process"], capture_output=True, text=True)
    return [int(line) for line in listed.stdout.split()]


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def drain(service: subprocess.Popen[str]) -> None:
    """Read what a service says until it ends, so that it never waits for a reader."""
    for _ in service.stderr or ():
        pass


def stored_ids(folder: Path, run: Run) -> list[int]:
    """Return the event ids of all rows that the run's files have, in any order."""
    opened = RunFolder.open(folder / "runs" / run.id)
    try:
        results = opened.results()
        held = (table.arrow(["event_id"]) for table in (results.cells, results.rejected))
        return [event_id for table in held if table is not None for event_id in table.column(0).to_pylist()]
    finally:
        opened.close()


def _truth(minutes: float) -> tuple[int, int]:
    """Samples of the stream, and events that a detector finds in it by itself."""
    with open_source(f"{SOURCE}&seconds={60 * minutes:g}") as source:
        detector, samples, events = detector_for(source.instrument), 0, 0
        for block in blocks(source):
            samples += len(block.data)
            events += len(detector.push(block))
        return samples, events + len(detector.flush())


if __name__ == "__main__":
    if shutil.which("pgrep") is None:
        raise SystemExit("This needs 'pgrep', to find the worker processes.")
    print(" | ".join(HEAD))
    for row in figures(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0):
        print(*row, sep=" | ")
