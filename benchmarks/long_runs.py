"""Stored runs to be worked on again: a short one of each kind, simulated, and a long one of its events repeated."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from service.identity import software_versions
from service.reprocess.finding import Search, find
from service.run import DropReason, Ledger
from service.runs.arming import Makers
from service.runs.pipeline import EVENTS_PER_BATCH
from service.store.run_folder import RunFolder

SHORT = {
    "light sheet": "sim:sheet-ci?seed=73&rate=60&seconds=80",
    "time stretch": "sim:stretch-ci?seed=73&rate=400&seconds=12",
}
TIMES_OVER = 10
"""How often a long run has the events of the short one: then one process works on it for 20 s and more."""
_UNFINISHED = "unfinished"
MAKERS = Makers()


def stored_runs(root: Path) -> dict[tuple[str, str], Path]:
    """Return the runs by kind and length, made where they are not there."""
    version = software_versions()["lightline"]
    found = {}
    for number, (kind, url) in enumerate(SHORT.items()):
        short = find(Search(url, root, f"20260101T000000000Z-{number:06x}", None, version, MAKERS))
        found[kind, "short"] = short
        found[kind, "long"] = repeated(short, f"20260101T000000001Z-{number:06x}")
    return found


def repeated(short: Path, run_id: str) -> Path:
    """Return a run with the events of another many times over, each with a number of its own."""
    path = short.parent / run_id
    if path.is_dir():
        return path
    beside = short.parent / _UNFINISHED
    shutil.rmtree(beside, ignore_errors=True)
    with closing(RunFolder.open(short)) as folder:
        events = folder.event_places()["event_id"].tolist()
        count = len(events) * TIMES_OVER
        ledger = Ledger(detected=count, dropped={DropReason.DEFERRED: count})
        run = folder.run().model_copy(update={"id": run_id, "ledger": ledger})
        with closing(RunFolder.create(beside, run, bundle=folder.results().bundle_path().read_bytes())) as long:
            for turn in range(TIMES_OVER):
                for first in range(0, len(events), EVENTS_PER_BATCH):
                    read = folder.events(events[first : first + EVENTS_PER_BATCH])
                    long.append_windows([replace(one, event_id=one.event_id + turn * events[-1]) for one in read])
            long.seal()
            long.finish()
            long.save_run(run.model_copy(update={"files": long.files()}))
    (beside / run_id).rename(path)
    beside.rmdir()
    return path
