"""A crowd before a live run: viewers over WebSocket and mixed requests, beside the same run with nobody there.

The run is simulated, at the pace of the instrument. Service and crowd are processes of one computer and share its
cores: what the crowd itself costs is in the figures.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from websockets.asyncio.client import connect

from benchmarks.page import table
from benchmarks.service_process import processor_s
from service.client import AsyncClient, ClientError
from service.run import Run

TOKEN = "load"
PORT = 8791
SOURCE = "sim:sheet-ci?rate=20&seed=11"
VIEWERS, REQUESTS_PER_S, SECONDS = 200, 500.0, 20.0
PATHS = (
    "/api/v1/status",
    "{run}/cells?where=area_um2+%3E+60&limit=50",
    "{run}/density?x=area_um2&y=novelty",
    "{run}/cells/{cell}/image.png",
    "{run}/cells?order=-novelty&limit=20",
)


@dataclass
class Seen:
    """What a crowd met: how long requests took, how many failed, messages that viewers had, and for how long.

    `service` and `crowd` are how many cores each of them used meanwhile.
    """

    took_ms: list[float] = field(default_factory=list)
    failed: int = 0
    messages: int = 0
    seconds: float = 0.0
    service: float = 0.0
    crowd: float = 0.0


async def view(run: Run, seen: Seen, *, reads: bool) -> None:
    """Watch a run; who does not read is only there."""
    url = f"ws://127.0.0.1:{PORT}/api/v1/runs/{run.id}/live"
    with suppress(OSError):
        async with connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, max_queue=1) as socket:
            if not reads:
                await asyncio.sleep(3600)
            async for _ in socket:
                seen.messages += 1


async def ask(http: httpx.AsyncClient, run: Run, seen: Seen, every_s: float) -> None:
    """Send requests in turn, as many a second as are asked for or as can be answered."""
    cells, waiting = itertools.cycle(range(1, 40)), set[asyncio.Task[None]]()

    async def one(path: str) -> None:
        began = time.perf_counter()
        try:
            answer = await http.get(path)
            # A cell that is not stored yet, or was rejected, is an answer too.
            seen.failed += answer.status_code >= 500 or answer.status_code == 429
            seen.took_ms.append(1e3 * (time.perf_counter() - began))
        except httpx.HTTPError:
            seen.failed += 1

    for path in itertools.cycle(PATHS):
        filled = path.format(run=f"/api/v1/runs/{run.id}", cell=next(cells))
        task = asyncio.create_task(one(filled))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        await asyncio.sleep(every_s)
        while len(waiting) > 200:
            await asyncio.sleep(0.01)


async def run_with(service: int, viewers: int, per_s: float) -> tuple[Run, Seen, dict[str, float]]:
    """Return a run of a service's process among viewers and requests, what they met, and the line's latency, ms."""
    seen, line = Seen(), dict[str, float]()
    limits = httpx.Limits(max_connections=64)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        AsyncClient(f"http://127.0.0.1:{PORT}", token=TOKEN, timeout_s=300.0) as client,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", headers=headers, limits=limits, timeout=60) as http,
    ):
        run = await client.start(SOURCE, seconds=SECONDS, speed=1.0)
        crowd = [asyncio.create_task(view(run, seen, reads=k > 0)) for k in range(viewers)]
        crowd.append(asyncio.create_task(ask(http, run, seen, 1.0 / per_s)))
        began, used, own = time.monotonic(), processor_s(service), time.process_time()
        while (run := await client.run(run)).state not in ("done", "failed"):
            found = (await client.status()).latency.get("total")
            line = line if found is None else {"p50": found.p50_ms, "p99": found.p99_ms}
            await asyncio.sleep(1.0)
        seen.seconds = time.monotonic() - began
        seen.service = (processor_s(service) - used) / seen.seconds
        seen.crowd = (time.process_time() - own) / seen.seconds
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
    return run, seen, line


def measured() -> str:
    """Return the table."""
    with tempfile.TemporaryDirectory() as data:
        words = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--data", data]
        words += ["--port", str(PORT), "--no-open"]
        environment = os.environ | {"LIGHTLINE_TOKEN": TOKEN, "LIGHTLINE_REQUESTS_PER_S": "0"}
        log = Path(data) / "load.log"
        with log.open("wb") as out, subprocess.Popen(words, env=environment, stdout=out, stderr=out) as service:
            try:
                _until_ready(service, log)
                lines = [_line(service.pid, *one) for one in ((0, 10.0), (VIEWERS, REQUESTS_PER_S))]
            finally:
                service.terminate()
    head = (
        "crowd",
        "seconds",
        "stored",
        "dropped",
        "line p50, p99 ms",
        "requests/s",
        "p50, p99 ms",
        "failed",
        "messages",
        "cores: service, crowd",
    )
    return table(head, lines)


def _line(service: int, viewers: int, per_s: float) -> tuple[object, ...]:
    run, seen, line = asyncio.run(run_with(service, viewers, per_s))
    half, most = np.percentile(seen.took_ms, [50, 99])
    return (
        f"{viewers} viewers, {per_s:g} requests/s",
        f"{seen.seconds:.0f}",
        run.ledger.stored,
        sum(run.ledger.dropped.values()),
        ", ".join(f"{value:.0f}" for value in line.values()),
        f"{len(seen.took_ms) / seen.seconds:.0f}",
        f"{half:.0f}, {most:.0f}",
        seen.failed,
        seen.messages,
        f"{seen.service:.2f}, {seen.crowd:.2f}",
    )


def _until_ready(service: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and service.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{PORT}/readyz").status_code == 200:
                return
        time.sleep(0.5)
    raise ClientError(f"The service did not start: {log.read_text()[-500:]}")


if __name__ == "__main__":
    print(measured())
