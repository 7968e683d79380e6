"""What the page of measurements is made of."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
ATOM = DATA / "atom_trace" / "oil_emulsion.hdf5"


def row(cells: tuple[object, ...]) -> str:
    """Return a line of a table in Markdown."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a table in Markdown."""
    return "\n".join([row(head), "|" + "---|" * len(head), *(row(cells) for cells in rows)])
