"""What restoring a volume gains and costs: `python -m benchmarks.restoration`, simulated cells with all defects.

Correlation with what the optics show, and with the cell itself (its points of light, each as wide as a voxel), medians;
noise in the empty part of the volume over its peak, against that before; widths at half height
of a glare spot of a bead without noise.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt

from benchmarks.agreement import correlation, moved_um
from benchmarks.isolated import SEED, Isolated, alone, isolated, noiseless, true_volume
from benchmarks.page import table
from reconstruction.light_sheet.deconvolution import restore, volume_blur
from reconstruction.methods import Method
from reconstruction.transform import transform_for
from simulator.arrivals import Arrival
from simulator.presets import setup_preset
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]

PRESET, PER_KIND = "sheet-real", 12
SHOWN = ("lymphocyte", "neutrophil", "mcf7")
WAYS: tuple[tuple[Method, int], ...] = (
    (Method.NONE, 1),
    (Method.SMOOTH, 1),
    (Method.WIENER, 1),
    (Method.RICHARDSON_LUCY, 5),
    (Method.RICHARDSON_LUCY, 10),
    (Method.RICHARDSON_LUCY, 30),
)
POINT_UM = 0.25
"""Standard deviation that stands in for a point on the grid."""
HEAD = (
    "restored by",
    *(f"{kind}: {what}" for kind in SHOWN for what in ("as the optics show it", "itself", "noise")),
    "spot z, um",
    "y, um",
    "x, um",
    "ms",
)


def true_points(setup: Setup, arrival: Arrival, shift_um: tuple[float, float]) -> Floats:
    """The cell's points of light themselves, `(z, y, x)`, moved by `(z, y)`."""
    n, pixel_um = setup.instrument.grid.size_px, setup.instrument.grid.pixel_um
    points = arrival.specimen.scatterers
    places = points[:, :3] + np.array([arrival.z_um + shift_um[0], shift_um[1], arrival.x_um])
    edge_um = n * pixel_um / 2
    counts, _ = np.histogramdd(places, bins=n, range=[(-edge_um, edge_um)] * 3, weights=points[:, 3])
    passed = [np.exp(-2 * (np.pi * POINT_UM * np.fft.fftfreq(n, pixel_um)) ** 2) for _ in range(3)]
    spectrum = np.fft.fftn(counts) * passed[0][:, None, None] * passed[1][:, None] * passed[2]
    return np.asarray(np.fft.ifftn(spectrum).real, dtype=np.float32)


def widths_um(volume: Floats, pixel_um: float) -> tuple[float, float, float]:
    """Full widths at half height of the brightest spot along z, y and x."""
    peak = np.unravel_index(volume.argmax(), volume.shape)
    found = []
    for axis in range(3):
        profile = volume[tuple(slice(None) if k == axis else peak[k] for k in range(3))]
        fine = np.interp(np.arange(0, profile.size - 1, 0.02), np.arange(profile.size), profile / profile.max())
        middle = int(peak[axis]) * 50
        left = int(np.flatnonzero(fine[: middle + 1] < 0.5)[-1])
        right = middle + int(np.flatnonzero(fine[middle:] < 0.5)[0])
        found.append((right - left) * 0.02 * pixel_um)
    return found[0], found[1], found[2]


def _volumes(setup: Setup, cells: list[Isolated]) -> list[Floats]:
    transform = transform_for(setup.instrument)
    return [transform.images([cell.event], ["side_scatter"]).images["side_scatter"][0] for cell in cells]


def figures(per_kind: int = PER_KIND) -> list[tuple[object, ...]]:
    """One row for every way to restore."""
    setup = alone(setup_preset(PRESET))
    blur, pixel_um = volume_blur(setup.instrument), setup.instrument.grid.pixel_um
    cells = isolated(setup, per_kind, SEED + 3, SHOWN)
    volumes = _volumes(setup, cells)
    truths, points = [], []
    for cell, volume in zip(cells, volumes, strict=True):
        shift = moved_um(volume, true_volume(setup, cell.arrival), 0.0, pixel_um)
        truths.append(true_volume(setup, cell.arrival, shift))
        points.append(true_points(setup, cell.arrival, shift))
    clean = noiseless(setup, 1 / 32)
    beads = _volumes(clean, isolated(clean, per_kind, SEED + 4, ("bead-10um",)))
    kinds = np.array([cell.arrival.specimen.kind for cell in cells])
    before: dict[str, float] = {}
    rows: list[tuple[object, ...]] = []
    for method, iterations in WAYS:
        began = time.perf_counter()
        done = [restore(volume, blur, pixel_um, method, iterations) for volume in volumes]
        spent_ms = 1e3 * (time.perf_counter() - began) / len(done)
        columns: list[str] = []
        for kind in SHOWN:
            rows_of = np.flatnonzero(kinds == kind)
            shown = np.median([correlation(done[k], truths[k]) for k in rows_of])
            itself = np.median([correlation(done[k], points[k]) for k in rows_of])
            noise = np.median([done[k][truths[k] < 1e-3 * truths[k].max()].std() / done[k].max() for k in rows_of])
            first = before.setdefault(kind, float(noise))
            columns += [f"{shown:.3f}", f"{itself:.3f}", f"{noise / first:.2f}"]
        spots = np.median([widths_um(restore(b, blur, pixel_um, method, iterations), pixel_um) for b in beads], axis=0)
        name = f"{method.value}, {iterations}" if method is Method.RICHARDSON_LUCY else method.value
        rows.append((name, *columns, *(f"{um:.2f}" for um in spots), f"{spent_ms:.0f}"))
    return rows


if __name__ == "__main__":
    print(table(HEAD, figures(*map(int, sys.argv[1:2]))))
