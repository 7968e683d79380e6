"""`make measure`: make every figure of docs/measurements.md again, or some, and write the page.

`python -m benchmarks.measure [WORD ...]` makes the sections whose title has one of the words, all without any. The page
is written after each, so that a measurement that was interrupted goes on with the sections that are named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from acquisition.presets import instrument_preset
from benchmarks import __main__ as bench
from benchmarks import kinds
from benchmarks.measure_light_sheet import LIGHT_SHEET_SECTIONS
from benchmarks.measure_line import LINE_SECTIONS
from benchmarks.measure_simulator import SIMULATOR_SECTIONS
from benchmarks.measure_time_stretch import TIME_STRETCH_SECTIONS
from benchmarks.page import ROOT, made_here, sections_of, table
from benchmarks.saliency import saliency_errors
from inference.shipped import resolve_bundle

PAGE = ROOT / "docs" / "measurements.md"
HEAD = """# Measurements

Made by `make measure`; a section says when and on what it was made, and begins with the command that makes it alone.
`make measure ONLY="rates gratings"` makes again those whose titles have one of the words.
"""


def saliency(_folder: str) -> str:
    """The explain graph, autograd and captum against autograd in double precision."""
    rows: list[tuple[object, ...]] = [(name, f"{error:.1e}") for name, error in saliency_errors().items()]
    head = ("largest difference of the raw map from autograd's in double precision, relative to its maximum", "")
    return "`python -m benchmarks.saliency` (batches of 1, 4 and 7, every class and cluster)\n\n" + table(head, rows)


def models(_folder: str) -> str:
    """The shipped bundles' own figures, each with its controls, on a run that training did not see."""
    parts = []
    for preset in ("sheet-ci", "stretch-ci"):
        contract = resolve_bundle(None, instrument_preset(preset)).contract
        rows = [(name, f"{value:.4g}") for name, value in _flat(contract.metrics)]
        parts.append(
            f"**{contract.name}** (trained and tested on simulated cells)\n\n`{contract.command}`\n\n"
            + table(("figure", ""), list(rows))
        )
    return "\n\n".join(parts)


def _flat(metrics: Any, prefix: str = "") -> list[tuple[str, float]]:
    rows = []
    for name, value in metrics.items():
        rows += _flat(value, f"{prefix}{name}: ") if isinstance(value, dict) else [(prefix + name, float(value))]
    return rows


def rates(_folder: str) -> str:
    """Every benchmark."""
    rows = [(row.what, f"{row.rate:.4g} {row.unit}", f"{row.ratio:.3g} x {row.against}") for row in bench.all_rows()]
    return "`make bench`\n\n" + table(("what", "rate", "against, in the same run"), rows)


def every_kind(_folder: str) -> str:
    """Cells a second of every kind of model."""
    return (
        "`python -m benchmarks.kinds` (untrained models of 80 x 80 pixels, and the shipped ones; two threads)\n\n"
        + table(kinds.HEAD, list(kinds.rates()))
    )


SECTIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    *LINE_SECTIONS,
    *TIME_STRETCH_SECTIONS,
    ("Saliency against a reference", saliency),
    ("Shipped models with their controls", models),
    *LIGHT_SHEET_SECTIONS,
    *SIMULATOR_SECTIONS,
    ("Rates", rates),
    ("Every kind of model", every_kind),
)


def main() -> None:
    """Make the sections that are asked for, and write the page after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the titles of the sections to make; all without")
    words = [word.lower() for word in parser.parse_args().words]
    asked = [title for title, _ in SECTIONS if not words or any(word in title.lower() for word in words)]
    if not asked:
        parser.error(f"No section has such a word; the sections are: {'; '.join(title for title, _ in SECTIONS)}.")
    made = sections_of(PAGE.read_text()) if PAGE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for title, section in SECTIONS:
            if title in asked:
                print(title, "...", file=sys.stderr, flush=True)
                made[title] = f"{made_here()}\n\n{section(folder)}"
                kept = [f"## {name}\n\n{made[name].strip()}\n" for name, _ in SECTIONS if name in made]
                PAGE.write_text("\n".join([HEAD, *kept]))
    print(f"Wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
