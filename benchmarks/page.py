"""What the page of measurements is made of."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

from inference.tuning import processor_name

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
ATOM = DATA / "atom_trace" / "oil_emulsion.hdf5"


def made_here() -> str:
    """Return a line that says when and on what a section is made."""
    machine = f"{os.cpu_count()} cores ({processor_name()}), Python {platform.python_version()}, no GPU"
    return f"*{datetime.datetime.now(datetime.UTC).date()}, {machine}*"


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
