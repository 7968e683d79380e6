"""How long after a cell is stored those who look on see it: a live run, asked over HTTP as often as it answers.

The run is simulated, at the pace of the instrument. A cell counts as stored when the status first says so, and as seen
when a count of the run's cells first has it; both are asked in turn, so that a figure is known to one turn.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.page import table
from benchmarks.service_process import address_of, start_service
from benchmarks.soak import drain
from service.client import Client

SOURCE = "sim:sheet-ci?rate=20&seed=11"
SECONDS = 20.0
HEAD = ("cells", "turns a second", "seen after the median of", "99 %", "at most")


def seen_after_s(seconds: float = SECONDS) -> tuple[np.ndarray, float]:
    """Return how long every cell of a run took from stored to seen, and how many turns a second there were."""
    stored: list[tuple[float, int]] = []
    seen: list[tuple[float, int]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        start_service(SOURCE, Path(folder), "--speed", "1", "--seconds", str(seconds), "--no-open") as service,
    ):
        address, token = address_of(service)
        draining = threading.Thread(target=drain, args=(service,))
        draining.start()
        with Client(address, token=token) as client:
            while (status := client.status()).run_id is None:
                time.sleep(0.05)
            while (status := client.status()).state == "acquiring" or not stored:
                stored.append((time.monotonic(), status.ledger.stored))
                seen.append((time.monotonic(), client.cells(status.run_id, fields=["event_id"]).num_rows))
        service.terminate()
        draining.join()
    turns_per_s = len(stored) / (stored[-1][0] - stored[0][0])
    took = []
    for number in range(1, seen[-1][1] + 1):
        first_stored = next(when for when, count in stored if count >= number)
        took.append(max(0.0, next(when for when, count in seen if count >= number) - first_stored))
    return np.array(took), turns_per_s


def figures() -> list[tuple[object, ...]]:
    """One row, for docs/measurements.md."""
    took_s, turns_per_s = seen_after_s()
    half, most = np.percentile(took_s, [50, 99])
    return [(len(took_s), f"{turns_per_s:.0f}", f"{half:.2f} s", f"{most:.2f} s", f"{took_s.max():.2f} s")]


if __name__ == "__main__":
    print(table(HEAD, figures()))
