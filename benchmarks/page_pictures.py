"""Pictures of the page over a simulated run: those of the README, or every view at any size, to be looked at.

    python -m benchmarks.page_pictures DATA docs                       # dashboard.png and cell.png
    python -m benchmarks.page_pictures DATA OUT --size 3840x2160 --theme dark --every

DATA is a folder that the run is acquired into, where it has none yet.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from benchmarks.browser import served
from service.run import Run, RunRequest
from service.runs.control import RunControl

CELLS = 900
AXES = {"x": {"column": "area_um2"}, "y": {"column": "side_scatter_sum", "scale": {"kind": "log"}}}
GRANULAR = [[52.0, 3.05], [105.0, 3.3], [142.0, 3.72], [125.0, 3.84], [60.0, 3.62]]
GATES = {
    "granular": {"region": {"kind": "polygon", **AXES, "vertices": GRANULAR}},
    "granular large": {
        "parent": "granular",
        "region": {"kind": "rectangle", "sides": [{"column": "area_um2", "low": 95}]},
    },
}
VOLUME = ".pictures:has(.slices .scale-bar:not([hidden])) .volume-frame .scale-bar:not([hidden])"
PATIENCE_MS = 120_000
SETTLE_MS = 2500
"""Pictures of cells come a few at a time."""


def run_of(control: RunControl) -> Run:
    """Return the newest run of a data folder; a simulated one is acquired where there is none."""
    runs = control.runs()
    if runs:
        return runs[-1]
    return control.wait(control.start(RunRequest(source="sim:sheet-ci", cells=CELLS, name="white blood cells")).id)


def views(run: Run, cell: int) -> dict[str, tuple[str, str]]:
    """Where each picture is taken, and what has to be there before."""
    explore = f"#/explore/{run.id}?x=area_um2&y=side_scatter_sum&ys=log&by=class&gate=granular"
    return {
        "dashboard": (explore, ".plot canvas[aria-label*=' shown']"),
        "cell": (f"#/cell/{run.id}/{cell}", VOLUME),
        "live": (f"#/live/{run.id}", ".proportions .main-svg"),
        "models": (f"#/models/{run.id}", ".class-rows .tile"),
        "runs": (f"#/runs/{run.id}", ".compare-chart .main-svg"),
        "service": ("#/service", ".table tbody tr"),
    }


def draw_gates(address: str, run: Run) -> int:
    """Draw the gates of the picture; return a cell in the last of them."""
    headers = {"Authorization": f"Bearer {httpx.URL(address).params['token']}"}
    with httpx.Client(base_url=httpx.URL(address).join("/api/v1/"), headers=headers, timeout=60) as client:
        for name, gate in GATES.items():
            client.put(f"runs/{run.id}/gates/{name}", json=gate).raise_for_status()
        sure = {"where": "gate = 'granular large' and class = 'eosinophil'", "order": "-class_probability", "limit": 1}
        return int(client.get(f"runs/{run.id}/cells", params=sure).raise_for_status().json()["rows"][0]["event_id"])


def take(page: Page, address: str, place: str, ready: str, file: Path) -> None:
    """Open a place of the page and keep what is to be seen."""
    page.goto("about:blank")
    page.goto(address + place)
    page.wait_for_selector(ready, timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=file)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="1440x900")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--every", action="store_true", help="every view, not only the two of the README")
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))
    options.out.mkdir(parents=True, exist_ok=True)
    with served(options.data) as (address, control), sync_playwright() as playwright:
        run = run_of(control)
        places = views(run, draw_gates(address, run))
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=options.theme)
        for name in places if options.every else ("dashboard", "cell"):
            take(page, address, *places[name], options.out / f"{name}.png")
        chromium.close()


if __name__ == "__main__":
    main()
