"""The time stretch's part of docs/measurements.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from acquisition.clock import find_period, interleave_offsets
from benchmarks import atom_images, grating, line_clock, phase
from benchmarks.atom_figures import Folded
from benchmarks.atom_figures import real_record as samples_of_record
from benchmarks.command import lightline
from benchmarks.page import ATOM, table
from benchmarks.truth import image_agreement


def real_record(folder: str) -> str:
    """The public ATOM record."""
    if not ATOM.is_file():
        return "The real record was not at hand when this page was made."
    report, _ = lightline("inspect", str(ATOM), "--json", folder=folder)
    run, _ = lightline("run", f"atom:{ATOM}", "--exit", "--json", "--data", "atom", folder=folder)
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


TIME_STRETCH_SECTIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("The real time-stretch record", real_record),
    ("Images of the real droplet", droplet_images),
    ("The line clock, drifting and behind gaps", clock_of_lines),
    ("Images against truth", images_against_truth),
    ("Gratings finer than the samples of a line", gratings),
    ("Phase of spheres, and its noise", phases),
)
