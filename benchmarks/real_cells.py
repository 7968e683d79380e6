"""How well images and volumes of real cells come back from the simulated light sheet: semi-real.

The cells are public images, the optics and the electronics are simulated, with all defects. Each cell is compared with
what the optics show of it without noise and sampling, and, as the control, with what they show of the next cell of its
collection, moved to the place of the image in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acquisition.instrument import Channel, Role
from benchmarks.accuracy_sheet import Picture, draw_lines
from benchmarks.agreement import Floats, correlation, moved_um
from benchmarks.isolated import Isolated, alone, isolated_of, true_transmission, true_volume
from benchmarks.page import table
from reconstruction.images import CellImages
from reconstruction.transform import transform_for
from simulator.arrivals import Arrival
from simulator.phantoms import open_phantoms
from simulator.presets import setup_preset
from simulator.setup import Setup

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
PRESET, SEED, SHOWN = "sheet-real", 23, 3


@dataclass(frozen=True, slots=True)
class Collection:
    """Real cells to be imaged: the file in `DATA`, their voxel (None: known), and about how many."""

    name: str
    file: str
    pixel_um: str | None
    cells: int


COLLECTIONS = (
    Collection("Jurkat, flat images", "jurkat_ifc_exp1.npz", None, 32),
    Collection("cells3d nuclei, stacks", "cells3d_nuclei", "0.29,0.26,0.26", 24),
)

HEAD = ("semi-real", "channel", "cells", "judged", "correlation", "5th percentile", "with another cell")


@dataclass(frozen=True)
class Imaged:
    """The cells of a collection that pass the gate, their images, and how many were imaged."""

    setup: Setup
    cells: list[Isolated]
    images: CellImages
    of: int


def imaged(collection: Collection) -> Imaged:
    """Send cells of a collection through the light sheet.

    Raises
    ------
    ConfigError
        If the real images are not there.
    """
    setup = alone(setup_preset(PRESET))
    phantoms = open_phantoms(DATA / collection.file, pixel_um=collection.pixel_um)
    cells = isolated_of(setup, phantoms, collection.cells, SEED)
    transform = transform_for(setup.instrument)
    images = transform.images([cell.event for cell in cells], transform.channels)
    kept = [cell for cell, good in zip(cells, images.is_cell, strict=True) if good]
    return Imaged(setup, kept, images.take(images.is_cell), len(cells))


def channels(setup: Setup) -> Iterator[Channel]:
    """Give the channels that have images."""
    wanted = (Role.TRANSMISSION, Role.SIDE_SCATTER, Role.FLUORESCENCE)
    yield from (channel for channel in setup.instrument.channels if channel.role in wanted)


def placed_truth(setup: Setup, channel: Channel, image: Floats, arrival: Arrival) -> Floats:
    """What the optics show of a cell in a channel, moved along z and y to where it stands in an image."""
    pixel_um = setup.instrument.grid.pixel_um
    if channel.role is Role.TRANSMISSION:
        shift = moved_um(image, true_transmission(setup, arrival), 1.0, pixel_um)
        return true_transmission(setup, arrival, shift)
    shift = moved_um(image, true_volume(setup, arrival, channel=channel), 0.0, pixel_um)
    return true_volume(setup, arrival, shift, channel)


def rows(collection: Collection, found: Imaged) -> Iterator[tuple[object, ...]]:
    """One row for every channel of a collection; a cell that has no other beside it has no control."""
    for channel in channels(found.setup):
        stack = found.images.images[channel.name]
        own, other = [], []
        for k, (image, cell) in enumerate(zip(stack, found.cells, strict=True)):
            beside = found.cells[(k + 1) % len(found.cells)]
            own.append(correlation(image, placed_truth(found.setup, channel, image, cell.arrival)))
            if beside is not cell:
                other.append(correlation(image, placed_truth(found.setup, channel, image, beside.arrival)))
        figures = [f"{np.median(own):.3f}", f"{np.percentile(own, 5):.3f}", f"{np.median(other):.3f}" if other else ""]
        yield (collection.name, channel.name, found.of, len(own), *figures)


def show_real() -> list[Imaged]:
    """Print the table of real cells; return what was imaged."""
    every = [(collection, imaged(collection)) for collection in COLLECTIONS]
    print(table(HEAD, [row for collection, found in every for row in rows(collection, found)]))
    for _, found in every:
        _print_sizes(found)
    return [found for _, found in every]


def draw_real(path: Path, collections: Sequence[Imaged]) -> None:
    """Draw real cells as the optics show them beside what was reconstructed: transmission, and light summed along x."""
    draw_lines(path, [line for found in collections for line in _lines(found)], 1.9, 2.05)


def _lines(found: Imaged) -> Iterator[list[Picture]]:
    for k, cell in enumerate(found.cells[:SHOWN]):
        line: list[Picture] = []
        for channel in channels(found.setup):
            image = found.images.images[channel.name][k]
            true = placed_truth(found.setup, channel, image, cell.arrival)
            score = correlation(image, true)
            flat = [one if one.ndim == 2 else one.sum(axis=2) for one in (true, image)]
            titles = (f"{cell.arrival.specimen.kind}: true {channel.name}", f"semi-real image, {score:.2f}")
            for title, one in zip(titles, flat, strict=True):
                line.append((title, one, (float(one.min()) if image.ndim == 2 else 0.0, float(one.max()))))
        yield line


def _print_sizes(found: Imaged) -> None:
    """Print how the diameter of the fluorescence compares with that of the phantom."""
    true = np.array([cell.arrival.specimen.diameter_um for cell in found.cells])
    for channel in channels(found.setup):
        if channel.role is Role.FLUORESCENCE:
            ball = found.images.features[f"{channel.name}_ball_um"]
            known = np.isfinite(ball)
            ratio = ball[known] / true[known]
            print(f"{channel.name}: ball_um over true diameter {np.median(ratio):.2f}, {known.sum()} cells")
