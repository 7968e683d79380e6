"""`make measure`: make every figure of docs/measurements.md again, and write the page."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquisition.clock import find_period, interleave_offsets
from acquisition.presets import instrument_preset
from benchmarks import __main__ as bench
from benchmarks import (
    atom_images,
    bead_pulses,
    false_triggers,
    found,
    grating,
    kills,
    latency,
    line_clock,
    phase,
    queries,
    soak,
)
from benchmarks.atom_figures import Folded
from benchmarks.atom_figures import real_record as samples_of_record
from benchmarks.fresh_start import fresh_start
from benchmarks.measure_light_sheet import LIGHT_SHEET_SECTIONS
from benchmarks.measure_simulator import SIMULATOR_SECTIONS
from benchmarks.page import ATOM, ROOT, table
from benchmarks.saliency import saliency_errors
from benchmarks.truth import image_agreement
from inference.shipped import resolve_bundle

PAGE = ROOT / "docs" / "measurements.md"


def _lightline(*words: str, folder: str) -> tuple[Any, float]:
    """Run a command of the command line that prints JSON; return the document and the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lightline")), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), time.perf_counter() - began


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
    run, seconds = _lightline(*words, folder=folder)
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
    return "`python -m benchmarks.kills`\n\n" + table(kills.HEAD, kills.figures()) + "\n" + ends


def latencies(_folder: str) -> str:
    """How late cells are stored, stage by stage."""
    return "`python -m benchmarks.latency` (simulated, in real time)\n\n" + latency.figures()


def soaked(_folder: str) -> str:
    """A run in which everything goes wrong."""
    return "`python -m benchmarks.soak`\n\n" + table(soak.HEAD, soak.figures())


def real_record(folder: str) -> str:
    """The public ATOM record."""
    if not ATOM.is_file():
        return "The real record was not at hand when this page was made."
    report, _ = _lightline("inspect", str(ATOM), "--json", folder=folder)
    run, _ = _lightline("run", f"atom:{ATOM}", "--exit", "--json", "--data", "atom", folder=folder)
    rows: list[tuple[object, ...]] = [
        ("samples per line (published: 275.5195)", f"{report['samples_per_line']:.5f}"),
        *clock_of_record(ATOM),
        *light_of_record(ATOM),
        ("droplets found (counted by eye: 1)", report["events"]["count"]),
        ("droplets stored with an answer", run["ledger"]["stored"]),
    ]
    return (
        "`lightline inspect oil_emulsion.hdf5 --json`, `lightline run atom:oil_emulsion.hdf5 --exit --json`\n\n"
        + table(("", ""), rows)
    )


def clock_of_record(path: Path) -> list[tuple[object, ...]]:
    """Samples per line of the whole record and its halves, and the converter's interleave offsets."""
    with h5py.File(path) as file:
        raw = np.clip(file["raw"][...], -128, 127).astype(np.int8)
    offsets, half = interleave_offsets(raw, 4), raw.size // 2
    parts = {"all of it": (raw, offsets), "first half": (raw[:half], offsets)}
    parts["second half"] = (raw[half:], np.roll(offsets, -half % 4))
    published = np.array([0.06, -2.38, -0.34, -2.70])
    off = np.abs((offsets - offsets.mean()) - (published - published.mean())).max()
    periods = [(f"by folding, {name}", f"{find_period(*part, 275.0):.5f}") for name, part in parts.items()]
    return [*periods, ("interleave offsets, largest difference from the published ones, LSB", f"{off:.3f}")]


def light_of_record(path: Path) -> list[tuple[object, ...]]:
    """How much of a line carries light, and how much of the record the converter had no room for."""
    found = Folded(samples_of_record(path)).figures()
    published = {"active window above 5 %, samples": "20.75", "clipped, % of all samples": "0.24"}
    return [(f"{name} (published: {value})", f"{found[name]:.3f}") for name, value in published.items()]


def droplet_images(_folder: str) -> str:
    """The droplet of the public ATOM record by every way to make its image."""
    if not ATOM.is_file():
        return "The real record was not at hand when this page was made."
    return "`python -m benchmarks.atom_images` (see [atom-record.md](atom-record.md))\n\n" + table(
        atom_images.HEAD, atom_images.figures()
    )


def clock_of_lines(_folder: str) -> str:
    """The line clock as it drifts, and behind gaps."""
    return "`python -m benchmarks.line_clock`\n\n" + table(line_clock.HEAD, line_clock.figures())


def images_against_truth(_folder: str) -> str:
    """Reconstructed images beside the simulated optics' ideal ones."""
    rows: list[tuple[object, ...]] = []
    for preset in ("sheet-ci", "stretch-ci"):
        for name, values in image_agreement(preset).items():
            rows.append(
                (f"{preset}: {name}", f"{np.median(values):.4g}", f"{np.percentile(values, 5):.4g}", len(values))
            )
    return "`python -m benchmarks.truth`\n\n" + table(("simulated", "median", "5th percentile", "cells"), rows)


def gratings(_folder: str) -> str:
    """Detail finer than the samples of a line."""
    about = "`python -m benchmarks.grating` (planted across the flow of atom-4g, 1 is the grating's own contrast)"
    return f"{about}\n\n" + table(grating.HEAD, list(grating.rows()))


def phases(_folder: str) -> str:
    """Phase of simulated spheres against the closed form."""
    return "`python -m benchmarks.phase` (peaks are over the closed form)\n\n" + phase.tables()


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


SECTIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("From a fresh clone to the first cell", start),
    ("A simulated run, every cell accounted for", simulated_run),
    ("Cells found by detection", cells_found),
    ("Noise taken for cells", noise),
    ("Real photomultiplier pulses and noise", pulses),
    ("Recordings killed at random moments", killed),
    ("From a cell's last sample to its row", latencies),
    ("A run in which everything goes wrong", soaked),
    ("The real time-stretch record", real_record),
    ("Images of the real droplet", droplet_images),
    ("The line clock, drifting and behind gaps", clock_of_lines),
    ("Images against truth", images_against_truth),
    ("Gratings finer than the samples of a line", gratings),
    ("Phase of spheres, and its noise", phases),
    ("Saliency against a reference", saliency),
    ("Shipped models with their controls", models),
    *LIGHT_SHEET_SECTIONS,
    *SIMULATOR_SECTIONS,
    ("Questions to ten million cells", questions),
    ("Rates", rates),
)


def main() -> None:
    """Make every section and write the page."""
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, no GPU"
    parts = [
        "# Measurements",
        "Made by `make measure`; each section begins with the command that makes it alone. "
        f"Machine: {machine}. Date: {datetime.datetime.now(datetime.UTC).date()}.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for title, section in SECTIONS:
            print(title, "...", file=sys.stderr, flush=True)
            parts += [f"## {title}", section(folder)]
    PAGE.write_text("\n\n".join(parts) + "\n")
    print(f"Wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
