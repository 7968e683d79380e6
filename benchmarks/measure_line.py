"""The part of docs/measurements.md that walks the whole line: runs, what becomes of every event, and questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import bead_pulses, false_triggers, found, kills, latency, queries, soak
from benchmarks.command import lightline
from benchmarks.fresh_start import fresh_start
from benchmarks.page import table


def start(_folder: str) -> str:
    """A fresh clone to its first cell."""
    rows: list[tuple[object, ...]] = [(name, f"{seconds:.1f}") for name, seconds in fresh_start().items()]
    return "`python -m benchmarks.fresh_start` (`make run` in a fresh clone)\n\n" + table(
        ("since the command", "seconds"), rows
    )


def questions(_folder: str) -> str:
    """What pages, counts and gates of a large run take."""
    return "`python -m benchmarks.queries` (numbers drawn at random, not measured)\n\n" + queries.answered()


def simulated_run(folder: str) -> str:
    """500 simulated white blood cells through the whole line."""
    words = ("run", "sim:sheet-ci?cells=500&seed=7", "--exit", "--json", "--speed", "max", "--data", "run")
    run, seconds = lightline(*words, folder=folder)
    ledger, truth = run["ledger"], run["truth"]
    rows: list[tuple[object, ...]] = [
        ("true cells (simulated)", truth["cells"]),
        ("of them stored once", truth["stored"]),
        *((f"of them rejected: {reason}", count) for reason, count in truth["rejected"].items()),
        ("of them within another's trigger", truth["merged"]),
        ("of them missed", truth["missed"]),
        ("events detected", ledger["detected"]),
        ("stored + rejected + dropped + in flight", _accounted(ledger)),
        ("seconds, start of the program included", f"{seconds:.1f}"),
    ]
    command = "lightline run 'sim:sheet-ci?cells=500&seed=7' --exit --json --speed max --data run"
    return f"`{command}`\n\n" + table(("", ""), rows)


def _accounted(ledger: dict[str, Any]) -> int:
    return int(
        ledger["stored"] + sum(ledger["rejected"].values()) + sum(ledger["dropped"].values()) + ledger["in_flight"]
    )


def cells_found(_folder: str) -> str:
    """Detection against truth."""
    return "`python -m benchmarks.found` (cells of 5 µm and more)\n\n" + table(found.HEAD, found.figures())


def noise(_folder: str) -> str:
    """Detection where nothing flows."""
    return "`python -m benchmarks.false_triggers`\n\n" + table(false_triggers.HEAD, false_triggers.figures())


def pulses(_folder: str) -> str:
    """The public CytoSense record."""
    return "`python -m benchmarks.bead_pulses`\n\n" + table(bead_pulses.HEAD, bead_pulses.figures())


def killed(_folder: str) -> str:
    """Recordings and services that were killed, or told to end."""
    ends = table(kills.ENDS_HEAD, kills.end_figures())
    return "`python -m benchmarks.kills`\n\n" + table(kills.HEAD, kills.figures()) + "\n\n" + ends


def latencies(_folder: str) -> str:
    """How late cells are stored, stage by stage."""
    return "`python -m benchmarks.latency` (simulated, in real time)\n\n" + latency.figures()


def soaked(_folder: str) -> str:
    """A run in which everything goes wrong, for 30 minutes of its stream."""
    return "`python -m benchmarks.soak 30`\n\n" + table(soak.HEAD, soak.figures(30.0))


LINE_SECTIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("From a fresh clone to the first cell", start),
    ("A simulated run, every cell accounted for", simulated_run),
    ("Cells found by detection", cells_found),
    ("Noise taken for cells", noise),
    ("Real photomultiplier pulses and noise", pulses),
    ("Recordings killed at random moments", killed),
    ("From a cell's last sample to its row", latencies),
    ("A run in which everything goes wrong", soaked),
    ("Questions to ten million cells", questions),
)
