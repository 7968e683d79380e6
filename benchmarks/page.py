"""What the page of measurements is made of."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
ATOM = DATA / "atom_trace" / "oil_emulsion.hdf5"


def made_here() -> str:
    """Return a line that says when and on what a section is made."""
    machine = f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, no GPU"
    return f"*{datetime.datetime.now(datetime.UTC).date()}, {machine}*"


def _processor() -> str:
    """Return the processor's name where the system tells it, otherwise its kind."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def sections_of(page: str) -> dict[str, str]:
    """Return the text of every section of a page, by its title."""
    parts = [part.partition("\n") for part in page.split("\n## ")[1:]]
    return {title: text.strip() for title, _, text in parts}


def row(cells: tuple[object, ...]) -> str:
    """Return a line of a table in Markdown."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a table in Markdown."""
    return "\n".join([row(head), "|" + "---|" * len(head), *(row(cells) for cells in rows)])
