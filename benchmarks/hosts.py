"""A live run answered by other hosts over bad cables, one of them cut: is one cell lost or doubled, and how late is it.

`python -m benchmarks.hosts [SECONDS]` simulates 500 cells/s at their own pace, on a computer that has no worker of its
own or one. Two hosts, network namespaces behind cables with delay, jitter and loss (`bad_link`), each lend a worker
with a key; the cable of one is cut for 20 s. Messages are encrypted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bad_link import Cable, Host, missing
from benchmarks.page import table
from benchmarks.service_process import LIGHTLINE, address_of, start_service
from benchmarks.soak import drain, stored_ids
from service.client import Client, ClientError
from service.run import Run
from service.status import ServiceStatus
from service.store.run_files import read_run

RATE_HZ = 500
SOURCE = f"sim:stretch-ci?rate={RATE_HZ}&loop=0.5&seed=11"
CUT_S, CUT_AFTER_S = 20.0, 15.0
PORT = 5610


@dataclass
class Course:
    """What was seen of a run."""

    run: Run
    ids: list[int]
    wall_s: float
    sent_bytes: int
    statuses: list[ServiceStatus] = field(default_factory=list)


def course(
    folder: Path, seconds: float, cable: Cable, congestion: str, cut_s: float = CUT_S, workers: int = 0
) -> Course:
    """Run it, with so many workers of the service's own; with `cut_s` 0 no cable is cut."""
    keys = folder / "keys"
    subprocess.run([LIGHTLINE, "keys", str(keys), "--worker", "a", "--worker", "b"], check=True, capture_output=True)
    with ExitStack() as opened:
        hosts = [
            opened.enter_context(Host(f"ll-{name}", k).connected(cable, congestion)) for k, name in enumerate("ab", 1)
        ]
        options = [
            "--exit",
            "--workers",
            str(workers),
            "--transport",
            f"tcp://*:{PORT}",
            "--keys",
            str(keys),
            "--speed",
            "1",
        ]
        service = opened.enter_context(start_service(f"{SOURCE}&seconds={seconds:g}", folder, *options))
        opened.callback(service.kill)
        for host, name in zip(hosts, "ab", strict=True):
            own = folder / name
            own.mkdir()
            for file in (f"{name}.key_secret", "service.key"):
                (own / file).write_bytes((keys / file).read_bytes())
                (own / file).chmod(0o600)
            words = ["worker", "--connect", f"tcp://{host.here}:{PORT}", "--name", name, "--threads", "1"]
            worker = host.started([LIGHTLINE, *words, "--keys", str(own)])
            opened.callback(worker.wait)
            opened.callback(worker.kill)
        address, token = address_of(service)
        threading.Thread(target=drain, args=(service,), daemon=True).start()
        statuses, sent = _watched(Client(address, token=token), service, hosts, cut_s)
    if not statuses:
        raise RuntimeError("The run did not begin; were the workers ready in time?")
    last = statuses[-1]
    run = read_run(folder / "runs" / str(last.run_id))
    return Course(run, stored_ids(folder, run), run.lasted_s or 0.0, sent, statuses)


def _watched(
    client: Client, service: subprocess.Popen[str], hosts: list[Host], cut_s: float
) -> tuple[list[ServiceStatus], int]:
    """Ask for the status until the service is gone, and cut a cable meanwhile."""
    statuses: list[ServiceStatus] = []
    began, sent, is_cut = None, 0, False
    while service.poll() is None:
        try:
            statuses.append(client.status())
        except ClientError:
            break
        sent = sum(host.carried_bytes() for host in hosts)
        if began is None and statuses[-1].ledger.stored:
            began = time.monotonic()
        since = 0.0 if began is None else time.monotonic() - began
        if cut_s and is_cut != (CUT_AFTER_S <= since < CUT_AFTER_S + cut_s):
            is_cut = not is_cut
            hosts[0].cut() if is_cut else hosts[0].mend()
        time.sleep(0.25)
    service.wait()
    return [status for status in statuses if status.run_id is not None], sent


def row_of(what: str, seconds: float, seen: Course) -> tuple[object, ...]:
    """Return what the documentation shows of a course."""
    ledger, last = seen.run.ledger, seen.statuses[-1]
    twice = sum(count - 1 for count in Counter(seen.ids).values())
    total = last.latency.get("total")
    late = "-" if total is None else f"{total.p50_ms:.0f}, {total.p99_ms:.0f} ms"
    most: Counter[str] = Counter()
    for status in seen.statuses:
        most |= Counter({worker.name: worker.answered for worker in status.workers})
    answered = ", ".join(f"{name} {count}" for name, count in sorted(most.items()))
    return (
        what,
        ledger.detected,
        ledger.detected - len(set(seen.ids)),
        twice,
        last.batches_given_again,
        f"{seen.wall_s - seconds:+.1f} s",
        late,
        f"{8e-6 * seen.sent_bytes / max(seen.wall_s, 1.0):.0f} Mbit/s",
        answered,
    )


HEAD = ("cables", "events", "lost", "doubled", "batches given again", "behind the instrument", "latency, 50 %, 99 %")


def main() -> None:
    """Print what the documentation shows."""
    reason = missing()
    if reason:
        raise SystemExit(f"There can be no bad cable on this computer: {reason}.")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    good = Cable(0.0, 0.0, 0.0)
    rows = []
    bad = "20 ± 5 ms each way, 1 % lost, one cut for 20 s"
    for what, cable, congestion, cut_s, workers in (
        ("good", good, "cubic", 0.0, 0),
        (f"{bad}, BBR", Cable(), "bbr", CUT_S, 0),
        ("the same, with a worker of the service's own", Cable(), "bbr", CUT_S, 1),
        ("the same, CUBIC", Cable(), "cubic", CUT_S, 1),
    ):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row_of(what, seconds, course(Path(folder), seconds, cable, congestion, cut_s, workers)))
            print(rows[-1], flush=True)
    print(table((*HEAD, "to workers", "batches answered by"), rows))


if __name__ == "__main__":
    main()
