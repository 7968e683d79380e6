"""What a viewer of the live view costs: the service's processor time by viewer, and the page's memory over time.

`python -m benchmarks.viewers` starts a service that acquires, lets 0, 1, 5 and 20 viewers ask what the page's live view
asks, and says how much of a core the service used. `python -m benchmarks.viewers memory MINUTES` leaves the page itself
open in Chromium and weighs its objects every minute, each time after its garbage was collected.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import sync_playwright
from websockets.asyncio.client import connect

from benchmarks.page import table
from benchmarks.service_process import address_of, processor_s, start_service

RATE_HZ = 100
SOURCE = f"sim:stretch-ci?rate={RATE_HZ}&loop=2&seed=11&speed=1"
VIEWERS = (0, 1, 5, 20)
WATCHED_S = 20.0
SETTLED_S = 3.0
SLOW_S, HISTORY_S = 1.0, 3.0
"""How often the live view asks for pictures and raw samples, and for the shares of clusters."""
PICTURES = 24
"""So many of the latest cells are in sight on a screen of 1920 x 1080; pictures out of sight are not asked for."""
FIELDS = "event_id,cluster,class,novel,label,embedding_0,embedding_1"
MINUTES = 30.0


@dataclass(frozen=True)
class Watched:
    """A service that acquires."""

    address: str
    token: str
    run: str
    pid: int

    @property
    def processor_s(self) -> float:
        """Processor time that it has used so far, its threads together."""
        return processor_s(self.pid)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def acquiring(folder: Path) -> Iterator[Watched]:
    """Start a service of its own, and wait for its first cells."""
    with start_service(SOURCE, folder) as process:
        # What it says is read on, so that it never waits for room to say it.
        said = threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True)
        try:
            address, token = address_of(process)
            said.start()
            with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
                while (status := client.get("/api/v1/status").json())["ledger"]["stored"] == 0:
                    time.sleep(0.5)
            yield Watched(address, token, status["run_id"], process.pid)
        finally:
            process.terminate()
            process.wait()
            if said.is_alive():
                said.join()


@dataclass
class Viewer:
    """Asks what the page's live view asks, as often."""

    of: Watched
    newest: int = 0
    cells: int = 0
    pictures: int = 0
    missing: int = 0

    async def watch(self) -> None:
        """Watch until cancelled."""
        path = f"/api/v1/runs/{self.of.run}"
        async with httpx.AsyncClient(base_url=self.of.address + path, headers=self.of.headers, timeout=60) as client:
            last = (await client.get("/cells", params={"limit": 1, "order": "-event_id"})).json()["rows"][0]
            self.newest = int(last["event_id"])
            await asyncio.gather(
                self._listen("/api/v1/status/live"),
                self._listen(f"{path}/live?after={self.newest}&fields={FIELDS}"),
                self._look(client),
                self._ask_history(client),
            )

    async def _listen(self, path: str) -> None:
        url = self.of.address.replace("http", "ws") + path
        async with connect(url, additional_headers=self.of.headers, max_size=None) as socket:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "cells":
                    self.newest = message["next"]
                    self.cells += len(message["rows"])

    async def _look(self, client: httpx.AsyncClient) -> None:
        seen = self.newest
        while True:
            await asyncio.sleep(SLOW_S)
            first = max(seen, self.newest - PICTURES)
            wanted = [f"/cells/{cell}/image.png" for cell in range(first + 1, self.newest + 1)]
            wanted.append(f"/cells/{self.newest}/window.npy")
            for answer in await asyncio.gather(*(client.get(path) for path in wanted)):
                self.pictures += answer.status_code == 200
                self.missing += answer.status_code != 200
            seen = self.newest

    async def _ask_history(self, client: httpx.AsyncClient) -> None:
        while True:
            await client.get("/timeline", params={"by": "cluster", "seconds": 5})
            await asyncio.sleep(HISTORY_S)


async def watched_by(service: Watched, count: int) -> tuple[float, list[Viewer]]:
    """Return how much of a core a service uses that so many viewers watch, and what they saw."""
    viewers = [Viewer(service) for _ in range(count)]
    tasks = [asyncio.create_task(viewer.watch()) for viewer in viewers]
    await asyncio.sleep(SETTLED_S)
    began, used = time.perf_counter(), service.processor_s
    await asyncio.sleep(WATCHED_S)
    share = (service.processor_s - used) / (time.perf_counter() - began)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
    if failed:
        raise RuntimeError(f"A viewer ended too early: {failed[0]!r}")
    return share, viewers


def cost() -> str:
    """Return the table of what viewers cost the service."""
    lines: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as folder, acquiring(Path(folder)) as service:
        alone = 0.0
        for count in VIEWERS:
            share, viewers = asyncio.run(watched_by(service, count))
            alone = alone if count else share
            each = f"{(share - alone) / count:.3f}" if count else ""
            seen = [f"{np.mean([getattr(one, what) for one in viewers]):.0f}" if viewers else "" for what in
                    ("cells", "pictures")]  # fmt: skip
            lines.append((count, f"{share:.2f}", each, *seen))
    head = ("viewers", "processor s of the service a second", "of it for each viewer a second")
    took = f"in {SETTLED_S + WATCHED_S:.0f} s, by viewer"
    return table((*head, f"cells sent {took}", f"pictures and windows sent {took}"), lines)


def memory(minutes: float = MINUTES, every_s: float = 60.0) -> str:
    """Return the table of what the live view holds in memory over time."""
    seen: list[tuple[float, float, int]] = []
    with tempfile.TemporaryDirectory() as folder, acquiring(Path(folder)) as service, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{service.address}/?token={service.token}#/live/{service.run}")
        page.wait_for_selector("#scatter[aria-label*='cells shown']", timeout=120_000)
        client = page.context.new_cdp_session(page)
        began = time.monotonic()
        while (now := time.monotonic() - began) < 60 * minutes or len(seen) < 2:
            client.send("HeapProfiler.collectGarbage")
            used = client.send("Runtime.getHeapUsage")["usedSize"] / 1e6
            counts = client.send("Memory.getDOMCounters")
            seen.append((now / 60, used, int(counts["nodes"])))
            print(f"{now / 60:.1f} min: {used:.2f} MB, {counts['nodes']} nodes", file=sys.stderr, flush=True)
            page.wait_for_timeout(1e3 * every_s)
        shown = page.locator("#scatter").get_attribute("aria-label") or ""
        chromium.close()
    # Until 60,000 points are there, arrays grow as they must.
    settled = [row for row in seen if row[0] >= seen[-1][0] / 3]
    slope = np.polyfit([row[0] for row in settled], [row[1] for row in settled], 1)[0]
    lines: list[tuple[object, ...]] = [
        ("minutes, cells drawn at the end", f"{seen[-1][0]:.0f}, {shown.rpartition(';')[2].split()[0]}"),
        (
            "JavaScript heap after a collection, at a third and at the end (MB)",
            f"{settled[0][1]:.2f}, {seen[-1][1]:.2f}",
        ),
        ("its slope in between (MB/h)", f"{60 * slope:+.2f}"),
        ("nodes of the document, at a third and at the end", f"{settled[0][2]}, {seen[-1][2]}"),
    ]
    return table((f"the live view left open, {RATE_HZ} cells/s", ""), lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        print(memory(float(sys.argv[2]) if len(sys.argv) > 2 else MINUTES))
    else:
        print(cost())
