"""How long after a cell its sort decision is sent: the real line in real time, on a stream that repeats."""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt
import zmq

from service.run import RunRequest
from service.runs.control import RunControl

PRESETS = {"sheet-ci": 100, "stretch-ci": 200}
"""Cells per second of each."""
SECONDS = 30.0
_GATE = {"name": "large", "region": {"kind": "rectangle", "sides": [{"column": "area_um2", "low": 40.0}]}}
_SHARES = (50.0, 99.0, 99.9, 100.0)


def decisions(source: str, seconds: float) -> list[dict[str, Any]]:
    """Return every message of a run in real time, in the order it came."""
    asked = {
        "source": source,
        "speed": 1.0,
        "seconds": seconds,
        "gates": [_GATE],
        "sort": {"gate": "large", "address": "tcp://127.0.0.1:*"},
        "hold": True,
    }
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, RunControl(Path(folder)) as control:
        run = control.start(RunRequest.model_validate(asked))
        sorting = control.status().sort
        if sorting is None:
            raise RuntimeError("the run does not sort")
        reader = threading.Thread(target=_read, args=(sorting.address, found))
        reader.start()
        while (now := control.status().sort) is not None and not now.subscribers:
            time.sleep(0.01)
        control.begin(run.id)
        control.wait(run.id)
        reader.join()
    return found


def _read(address: str, found: list[dict[str, Any]]) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.subscribe(b"")
        sub.connect(address)
        while not found or found[-1]["type"] != "end":
            found.append(msgpack.unpackb(sub.recv()))


def _line(name: str, seconds: npt.NDArray[np.float64]) -> str:
    p50, p99, p999, longest = np.percentile(seconds, _SHARES) * 1e3
    return f"{name:24} {len(seconds):7} {p50:8.2f} {p99:8.2f} {p999:8.2f} {longest:8.2f}"


def main() -> None:
    """Print latencies of every preset, in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    print("From the last sample of a window in memory to its decision sent, ms; simulated, in real time.")
    print(f"{'':24} {'events':>7} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>8}")
    for preset, rate in PRESETS.items():
        found = decisions(f"sim:{preset}?rate={rate}&loop=2", options.seconds)[:-1]
        latencies = np.array([one["latency_s"] for one in found])
        print(_line(f"{preset}, {rate} cells/s", latencies), flush=True)
        first, later = latencies[0], np.median(latencies[1:])
        print(f"{'':24} the first {1e3 * first:.2f} ms, the median of later ones {1e3 * later:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
