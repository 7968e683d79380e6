"""Runs go on while their PostgreSQL server is away: what is missing, what doubled, and when it has caught up.

`python -m benchmarks.outage [SECONDS]` starts a server and a service of its own, which acquires one simulated run of
200 cells/s after the other. The server is stopped as a crash would, and started after so many seconds (120).
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import table
from benchmarks.postgres_server import PostgresServer, postgres
from benchmarks.service_process import address_of, start_service
from benchmarks.soak import drain, stored_ids
from service.client import Client
from service.run import Run

RUN_S = 20.0
SOURCE = f"sim:stretch-ci?rate=200&loop=0.5&seed=11&seconds={RUN_S:g}&speed=1"
PATIENCE_S = 300.0
CALM_S = 4.0
"""Longer than the service takes to look for new parts."""
ROWS = "SELECT run, event_id FROM lightline_cells UNION ALL SELECT run, event_id FROM lightline_rejected"


@dataclass
class Seen:
    """What was seen of an outage.

    Attributes
    ----------
    runs
        With what 99 of 100 events waited for their answer in each, in ms.
    away
        Ids of those that went on while the server was away.
    most_behind
        Rows in sealed parts that the server had not, at most.
    caught_up_s
        From the server's start until it had all that was sealed.
    missing, doubled
        Events of the run folders that the server has not, and rows that it has too many.
    """

    runs: list[tuple[Run, float]]
    away: set[str]
    most_behind: int = 0
    caught_up_s: float = 0.0
    missing: int = 0
    doubled: int = 0


def outage(folder: Path, server: PostgresServer, away_s: float) -> Seen:
    """Play it through: a run before, those during, and one after."""
    seen = Seen([], set())
    with start_service(SOURCE, folder, "--sink", server.address) as service:
        try:
            address, token = address_of(service)
            threading.Thread(target=drain, args=(service,), daemon=True).start()
            with Client(address, token=token) as client:
                _finish(client, str(_run_id(client)), seen)
                _caught_up(client)
                server.stop()
                stopped = time.monotonic()
                while time.monotonic() - stopped < away_s:
                    seen.away.add(_finish(client, client.start(SOURCE).id, seen))
                server.start()
                started = time.monotonic()
                seen.caught_up_s = _caught_up(client) - started
                _finish(client, client.start(SOURCE).id, seen)
                _caught_up(client)
        finally:
            service.terminate()
    copied = Counter(server.ask(ROWS))
    kept = {(run.id, event) for run, _ in seen.runs for event in stored_ids(folder, run)}
    seen.missing, seen.doubled = len(kept - set(copied)), sum(copied.values()) - len(set(copied) & kept)
    return seen


def _run_id(client: Client) -> str:
    while (found := client.status().run_id) is None:
        time.sleep(0.2)
    return found


def _finish(client: Client, run: str, seen: Seen) -> str:
    """Watch a run until it is over, and return its id."""
    late_ms = 0.0
    while not (known := client.run(run)).state.ended:
        status = client.status()
        seen.most_behind = max(seen.most_behind, status.sink.behind_rows if status.sink else 0)
        total = status.latency.get("total")
        late_ms = late_ms if total is None else total.p99_ms
        time.sleep(0.5)
    seen.runs.append((known, late_ms))
    return run


def _caught_up(client: Client) -> float:
    """Wait until the server has all that is sealed, and return since when; raises `TimeoutError` if it never has."""
    since = began = time.monotonic()
    while (now := time.monotonic()) - since < CALM_S:
        sink = client.status().sink
        if sink is None or not sink.connected or sink.behind_rows:
            since = now
        if now - began > PATIENCE_S:
            raise TimeoutError(f"The server has not caught up after {PATIENCE_S:.0f} s.")
        time.sleep(0.25)
    return since


def main() -> None:
    """Print what the documentation shows."""
    away_s = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        seen = outage(Path(folder), server, away_s)
    halves = {
        "while it was away": [one for one in seen.runs if one[0].id in seen.away],
        "before and after": [one for one in seen.runs if one[0].id not in seen.away],
    }
    rows: list[tuple[object, ...]] = [
        ("runs, events", f"{len(seen.runs)}, {sum(run.ledger.detected for run, _ in seen.runs)}"),
        ("rows missing, doubled", f"{seen.missing}, {seen.doubled}"),
        ("rows behind, at most", seen.most_behind),
        ("caught up after the server's start (s)", f"{seen.caught_up_s:.0f}"),
    ]
    for what, some in halves.items():
        dropped = sum(sum(run.ledger.dropped.values()) for run, _ in some)
        late = ", ".join(f"{late_ms:.0f}" for _, late_ms in some)
        rows += [(f"events dropped {what}", dropped), (f"latency {what}, 99 %, each run (ms)", late)]
    print(table((f"a server away for {away_s:g} s", ""), rows))


if __name__ == "__main__":
    main()
