"""The page in headless Chromium: how fast it draws a run of many cells, and how it keeps up with cells that come.

Chromium draws with the processor here: these figures are the slow end of what a person sees. The many cells are
those of a simulated run, drawn again and again and jittered; the coming ones are sent to the page by the benchmark
itself. Frames are as late as everything on the computer makes them: the service that counts, Chromium's own drawing,
whatever else runs. What the page itself is to blame for is the time that the processor gave to its main thread.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from playwright.sync_api import Browser, Page, WebSocketRoute, sync_playwright

from benchmarks.browser_work import Work, watched
from benchmarks.page import table
from service.api.app import create_app
from service.api.auth import Tokens
from service.api.server import ApiServer, listen
from service.run import Ledger, Run, RunRequest
from service.runs.control import RUNS, RunControl
from service.settings import Settings
from service.store.tables.part_table import PartTable

CELLS = 1_000_000
LIVE_PER_S = 1000
LIVE_S = 10
FRAMES = 60
PATIENCE_MS = 120_000
BATCH = 50_000
KEPT = ("event_id", "epoch", "time_s", "area_um2", "novelty", "cluster", "class", "class_probability", "novel", "label")
FRAME_MS = """async ([frames, step]) => {
  const times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let k = 0; k < frames; k += 1) {
    window.benchmarkStep?.(k, step);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times;
}"""
ZOOM = """() => {
  const canvas = document.querySelector('.plot canvas');
  const { left, top, width, height } = canvas.getBoundingClientRect();
  window.benchmarkStep = (k) => canvas.dispatchEvent(new WheelEvent('wheel', {
    deltaY: k % 40 < 20 ? -40 : 40, clientX: left + width / 2, clientY: top + height / 2,
    bubbles: true, cancelable: true,
  }));
}"""


@contextmanager
def served(data: Path) -> Iterator[tuple[str, RunControl]]:
    """Serve a data folder; gives the address of the page."""
    with (
        RunControl(data, workers=1) as control,
        ApiServer(create_app(control, Settings(data=data), Tokens.make("bench")), listen("127.0.0.1", 0)) as server,
    ):
        yield f"http://127.0.0.1:{server.port}/?token=bench", control


def acquired(data: Path) -> Run:
    """Acquire some simulated cells to make many of."""
    with served(data) as (_, control):
        run = control.start(RunRequest(source="sim:sheet-ci", cells=200))
        return control.wait(run.id)


def enlarged(folder: Path, run: Run, cells: int) -> None:
    """Put many rows in the place of a run's, each one of them with its numbers a little changed."""
    known = pq.read_table(folder / "cells")
    shutil.rmtree(folder / "cells")
    names = [name for name in known.column_names if name in KEPT or name in ("embedding_0", "embedding_1")]
    draw = np.random.default_rng(0)
    parts = PartTable.create(folder / "cells")
    for first in range(1, cells + 1, BATCH):
        count = min(BATCH, cells - first + 1)
        rows = known.select(names).take(pa.array(draw.integers(0, len(known), count)))
        changed = {"event_id": np.arange(first, first + count), "time_s": np.arange(first, first + count) / 5000.0}
        for name in ("area_um2", "novelty", "embedding_0", "embedding_1"):
            values = rows[name].to_numpy()
            changed[name] = values + draw.normal(0, 0.1 * values.std(), count)
        for name, numbers in changed.items():
            field = rows.schema.field(name)
            rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(numbers).cast(field.type))
        parts.append(rows)
        if parts.due():
            parts.keep(parts.mark())
    parts.seal()
    text = json.loads((folder / "run.json").read_text())
    text["ledger"] = Ledger(detected=cells, stored=cells, samples=run.ledger.samples).model_dump(mode="json")
    text["files"]["cells"] = sorted(f"cells/{part.name}" for part in (folder / "cells").iterdir())
    (folder / "run.json").write_text(json.dumps(text))


def quantiles(times: list[float]) -> tuple[str, str, str]:
    """Median, 99 % and longest, in ms."""
    return f"{np.median(times):.1f}", f"{np.quantile(times, 0.99):.1f}", f"{max(times):.1f}"


def blame(what: str, work: Work, seconds: float) -> list[tuple[object, ...]]:
    """Return what the main thread of the page did: of all its tasks, the share of the time, and the longest."""
    by_clock, by_processor = work.longest()
    return [
        (f"{what}: longest task of the page, by the clock (ms)", f"{by_clock.wall_ms:.0f}", "", ""),
        (f"{what}: the processor's work in the longest (ms)", f"{by_processor.work_ms:.1f}", "", ""),
        (f"{what}: tasks over 50 ms, by the clock and by the processor", "{}, {}".format(*work.long()), "", ""),
        (f"{what}: share of a core that the page's main thread took", f"{work.total_ms / 1e3 / seconds:.2f}", "", ""),
    ]


def many(browser: Browser, page: Page, address: str, run: Run, cells: int) -> list[tuple[object, ...]]:
    """Look at a run of many cells: until it is there, and while it is zoomed."""
    began = time.perf_counter()
    page.goto(f"{address}#/explore/{run.id}")
    page.wait_for_selector(".plot canvas[aria-label*=' shown']", timeout=PATIENCE_MS)
    first = time.perf_counter() - began
    page.wait_for_selector(".plot canvas[aria-label*='density shown']", timeout=PATIENCE_MS)
    shown = time.perf_counter() - began
    page.wait_for_timeout(3000)
    page.evaluate(ZOOM)
    times = page.evaluate(FRAME_MS, [FRAMES, 1])
    # Once more to see who works: being watched takes time itself.
    zooming = time.perf_counter()
    with watched(browser, page) as work:
        page.evaluate(FRAME_MS, [FRAMES, 1])
        zoomed = time.perf_counter() - zooming
    return [
        (f"{cells} cells: page opened to first cells drawn (s)", f"{first:.2f}", "", ""),
        (f"{cells} cells: page opened to density drawn (s)", f"{shown:.2f}", "", ""),
        (f"{cells} cells: frame while zooming (ms)", *quantiles(times)),
        *blame(f"{cells} cells, zooming", work, zoomed),
    ]


def coming(browser: Browser, page: Page, address: str, run: Run) -> list[tuple[object, ...]]:
    """Watch cells come to the live view."""

    def send(socket: WebSocketRoute) -> None:
        state["socket"] = socket

    state: dict[str, WebSocketRoute] = {}
    page.route_web_socket(f"**/runs/{run.id}/live*", send)
    page.goto(f"{address}#/live/{run.id}")
    # What is measured is the page at work, not its beginning.
    page.wait_for_selector(".proportions .main-svg", timeout=PATIENCE_MS)
    page.evaluate("() => { delete window.benchmarkStep; }")
    page.evaluate(
        f"() => {{ window.benchmarkTimes = ({FRAME_MS})([{60 * LIVE_S}, 0]).catch((error) => [String(error)]); }}"
    )
    began = time.perf_counter()
    place = sent(page, state["socket"], 0)
    page.wait_for_selector(f"#scatter[aria-label*='; {place} cells']", timeout=PATIENCE_MS)
    done = time.perf_counter() - began
    times = page.evaluate("() => window.benchmarkTimes")
    with watched(browser, page) as work:
        sent(page, state["socket"], place)
    return [
        (f"live, {LIVE_PER_S} cells/s for {LIVE_S} s: frame (ms)", *quantiles(times)),
        (f"live: all {place} cells drawn after (s)", f"{done:.2f}", "", ""),
        *blame("live", work, LIVE_S),
    ]


def sent(page: Page, socket: WebSocketRoute, place: int) -> int:
    """Send made-up cells behind a place, a turn at a time; return the last one's."""
    draw, turn_s, first = np.random.default_rng(1), 0.25, place
    began = time.perf_counter()
    while (turn := int((time.perf_counter() - began) / turn_s)) < LIVE_S / turn_s:
        count = first + int(LIVE_PER_S * turn_s * (turn + 1)) - place
        rows = [
            {
                "event_id": place + k + 1,
                "cluster": int(draw.integers(0, 3)),
                "class": "monocyte",
                "novel": False,
                "label": None,
                "embedding_0": float(draw.normal()),
                "embedding_1": float(draw.normal()),
            }
            for k in range(count)
        ]
        place += count
        socket.send(json.dumps({"type": "cells", "rows": rows, "next": place}))
        page.wait_for_timeout(max(1.0, 1e3 * (began + (turn + 1) * turn_s - time.perf_counter())))
    return place


def measured(cells: int = CELLS) -> str:
    """Return the table of what the page takes."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        run = acquired(data)
        enlarged(data / RUNS / run.id, run, cells)
        with served(data) as (address, _), sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            lines = []
            for look in (lambda *what: many(*what, address, run, cells), lambda *what: coming(*what, address, run)):
                page = chromium.new_page(viewport={"width": 1920, "height": 1080})
                lines += look(chromium, page)
                page.close()
            chromium.close()
    return table(("the page, drawn by the processor at 1920 x 1080", "median", "99 %", "longest"), lines)


if __name__ == "__main__":
    print(measured(int(sys.argv[1]) if len(sys.argv) > 1 else CELLS))
