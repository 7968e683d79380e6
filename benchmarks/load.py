"""A crowd before a live run: viewers over WebSocket and mixed requests, beside the same run with nobody there.

The run is live: a simulated instrument sends its samples over the network at its own pace, whoever keeps up with them.
Instrument, service and crowd are processes of one computer and share its cores: what the crowd itself costs is in the
figures, and is kept small by a client that does no more than it must.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from websockets.asyncio.client import connect

from benchmarks.page import table
from benchmarks.service_process import LIGHTLINE, processor_s
from service.client import AsyncClient, Client, ClientError
from service.run import Run

TOKEN = "load"
PORT = 8791
INSTRUMENT = ("simulate", "sheet-ci", "--rate", "100", "--seed", "11", "--loop", "4", "--serve", "tcp://127.0.0.1:0")
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


@dataclass(frozen=True)
class Line:
    """How late a run was, from last sample to row, and whether it came before other programs."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0
    came_first: bool = False


async def view(run: Run, seen: Seen, *, reads: bool) -> None:
    """Watch a run; who does not read is only there."""
    url = f"ws://127.0.0.1:{PORT}/api/v1/runs/{run.id}/live"
    with suppress(OSError):
        async with connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, max_queue=1) as socket:
            if not reads:
                await asyncio.sleep(3600)
            async for _ in socket:
                seen.messages += 1


class Connections:
    """Connections to the service that are kept open, each with one request at a time, and nothing more to a request."""

    def __init__(self, most: int) -> None:
        self._room = asyncio.Semaphore(most)
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> int:
        """Return the status of an answer that was read to its end; raises `OSError` or `EOFError` without one."""
        async with self._room:
            while self._free and self._free[-1][0].at_eof():
                self._free.pop()[1].close()
            reader, writer = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", PORT)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            self._free.append((reader, writer))
            return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """Close them."""
        for _, writer in self._free:
            writer.close()


async def ask(http: Connections, run: Run, seen: Seen, every_s: float) -> None:
    """Send requests in turn, as many a second as are asked for or as can be answered."""
    cells, waiting = itertools.cycle(range(1, 40)), set[asyncio.Task[None]]()
    due = time.perf_counter()

    async def one(path: str) -> None:
        began = time.perf_counter()
        try:
            status = await http.get(path)
            # A cell that is not stored yet, or was rejected, is an answer too.
            seen.failed += status >= 500 or status == 429
            seen.took_ms.append(1e3 * (time.perf_counter() - began))
        except (OSError, EOFError):
            seen.failed += 1

    for path in itertools.cycle(PATHS):
        filled = path.format(run=f"/api/v1/runs/{run.id}", cell=next(cells))
        task = asyncio.create_task(one(filled))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        due += every_s
        await asyncio.sleep(due - time.perf_counter())
        while len(waiting) > 200:
            await asyncio.sleep(0.01)
            due = time.perf_counter()


@contextmanager
def instrument() -> Iterator[str]:
    """A network instrument's address, as long as it is served."""
    with subprocess.Popen([LIGHTLINE, *INSTRUMENT], stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        try:
            yield served.stdout.readline().strip()
        finally:
            served.terminate()


@contextmanager
def armed(source: str) -> Iterator[int]:
    """The process of a service whose run waits to be told to begin."""
    with tempfile.TemporaryDirectory() as data:
        words = [LIGHTLINE, "run", source, "--seconds", str(SECONDS), "--hold", "--data", data, "--port", str(PORT)]
        environment = os.environ | {"LIGHTLINE_TOKEN": TOKEN, "LIGHTLINE_REQUESTS_PER_S": "0"}
        log = Path(data) / "load.log"
        with log.open("wb") as out, subprocess.Popen(words, env=environment, stdout=out, stderr=out) as service:
            try:
                _until_armed(service, log)
                yield service.pid
            finally:
                service.terminate()


async def run_with(service: int, viewers: int, per_s: float) -> tuple[Run, Seen, Line]:
    """Return the run of a service's process among viewers and requests, what they met, and how the line did."""
    seen, line = Seen(), Line()
    http = Connections(64)
    async with AsyncClient(f"http://127.0.0.1:{PORT}", token=TOKEN, timeout_s=300.0) as client:
        run = await client.begin((await client.status()).run_id or "")
        crowd = [asyncio.create_task(view(run, seen, reads=k > 0)) for k in range(viewers)]
        crowd.append(asyncio.create_task(ask(http, run, seen, 1.0 / per_s)))
        began, used, own = time.monotonic(), processor_s(service), time.process_time()
        while (run := await client.run(run)).state not in ("done", "failed"):
            status = await client.status()
            if found := status.latency.get("total"):
                line = Line(found.p50_ms, found.p99_ms, came_first=bool(status.came_first))
            await asyncio.sleep(1.0)
        seen.seconds = time.monotonic() - began
        seen.service = (processor_s(service) - used) / seen.seconds
        seen.crowd = (time.process_time() - own) / seen.seconds
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
    http.close()
    return run, seen, line


def measured() -> str:
    """Return the table."""
    lines = []
    with instrument() as source:
        for viewers, per_s in ((0, 10.0), (VIEWERS, REQUESTS_PER_S)):
            with armed(source) as service:
                lines.append(_line(viewers, per_s, *asyncio.run(run_with(service, viewers, per_s))))
    head = (
        "crowd",
        "seconds",
        "stored",
        "dropped",
        "line p50, p99 ms",
        "line came first",
        "requests/s",
        "p50, p99 ms",
        "failed",
        "messages",
        "cores: service, crowd",
    )
    return table(head, lines)


def _line(viewers: int, per_s: float, run: Run, seen: Seen, line: Line) -> tuple[object, ...]:
    half, most = np.percentile(seen.took_ms, [50, 99])
    return (
        f"{viewers} viewers, {per_s:g} requests/s",
        f"{seen.seconds:.0f}",
        run.ledger.stored,
        sum(run.ledger.dropped.values()),
        f"{line.p50_ms:.1f}, {line.p99_ms:.1f}",
        line.came_first,
        f"{len(seen.took_ms) / seen.seconds:.0f}",
        f"{half:.0f}, {most:.0f}",
        seen.failed,
        seen.messages,
        f"{seen.service:.2f}, {seen.crowd:.2f}",
    )


def _until_armed(service: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    with Client(f"http://127.0.0.1:{PORT}", token=TOKEN) as client:
        while time.monotonic() < deadline and service.poll() is None:
            with suppress(ClientError):
                if client.status().state == "armed":
                    return
            time.sleep(0.5)
    raise ClientError(f"The service did not start: {log.read_text()[-500:]}")


if __name__ == "__main__":
    print(measured())
