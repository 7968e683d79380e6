"""How close volumes and images of isolated cells come to what the simulated optics show.

`python -m benchmarks.accuracy` prints the table, `python -m benchmarks.accuracy --sheet OUT.png` draws cells beside
their truth, and `python -m benchmarks.accuracy --real [OUT.png]` does both for real cells.
Truth is what the optics show of the cell without noise and sampling. A cell's place in its image is no
property of it, and not known to the instrument along the flow and the scan, so the truth is compared at the place of
the image: moved along y and z as a whole. The correlation without that stands beside it. Speeds are estimated
throughout.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Role
from benchmarks.agreement import correlation, moved_um
from benchmarks.isolated import (
    BEADS,
    CELLS,
    KINDS,
    SEED,
    Isolated,
    alone,
    dimmed,
    isolated,
    noiseless,
    true_transmission,
    true_volume,
)
from benchmarks.page import table
from reconstruction.transform import Transform, transform_for
from simulator.presets import setup_preset
from simulator.setup import Setup

PER_KIND = 60
FEW_PHOTOELECTRONS = 20.0
RIM_UM = 2.0
"""What lies this near to a cell belongs to its picture in `inside`."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well one cell was imaged.

    Attributes
    ----------
    kind
        Its population.
    judged
        False where the gate takes it for no cell.
    volume, volume_in_place
        Correlation of side scatter with the truth, which was moved to it, and which was not.
    transmission, inside
        Correlation of transmission with the truth moved to it: of all pixels, and of those of the cell.
    speed_error
        Of the estimated speed, relative.
    """

    kind: str
    judged: bool
    volume: float
    volume_in_place: float
    transmission: float
    inside: float
    speed_error: float


def score(setup: Setup, transform: Transform, cell: Isolated) -> Score:
    """Make the images of a cell and compare them with the truth."""
    images = transform.images([cell.event], transform.channels)
    arrival, pixel_um = cell.arrival, setup.instrument.grid.pixel_um
    volume, flat = images.images["side_scatter"][0], images.images["transmission"][0]
    truth, flat_truth = true_volume(setup, arrival), true_transmission(setup, arrival)
    placed = true_volume(setup, arrival, moved_um(volume, truth, 0.0, pixel_um))
    shift = moved_um(flat, flat_truth, 1.0, pixel_um)
    flat_placed = true_transmission(setup, arrival, shift)
    near = cell_pixels(setup, cell, shift)
    return Score(
        kind=arrival.specimen.kind,
        judged=bool(images.is_cell[0]),
        volume=correlation(volume, placed),
        volume_in_place=correlation(volume, truth),
        transmission=correlation(flat, flat_placed),
        inside=correlation(flat[near], flat_placed[near]),
        speed_error=float(abs(images.speed_m_s[0] / arrival.speed_m_s - 1.0)),
    )


def cell_pixels(setup: Setup, cell: Isolated, shift_um: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """`(z, y)`, True on the disc of the cell and its rim."""
    grid = setup.instrument.grid
    axis = (np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um
    z, y = axis[:, None] - cell.arrival.z_um - shift_um[0], axis[None, :] - shift_um[1]
    return np.asarray(np.hypot(z, y) < cell.arrival.specimen.diameter_um / 2 + RIM_UM)


def conditions(preset: str, per_kind: int) -> Iterator[tuple[str, Setup, list[Isolated]]]:
    """Give the cells of a preset without noise, with few photoelectrons, and with all defects."""
    usual = alone(setup_preset(preset))
    clean = noiseless(usual)
    cells = isolated(clean, per_kind, SEED, CELLS)
    # Beads send a hundred times as much light to the side.
    cells += isolated(noiseless(usual, 1 / 32), per_kind, SEED, BEADS)
    yield "noiseless", clean, cells
    rng = np.random.Generator(np.random.PCG64(SEED))
    column = clean.instrument.columns(Role.SIDE_SCATTER)[0]
    few = [dimmed(cell, column, FEW_PHOTOELECTRONS, rng) for cell in cells]
    yield f"{FEW_PHOTOELECTRONS:g} photoelectrons at the peak", clean, few
    yield "all defects", usual, isolated(usual, per_kind, SEED + 1)


HEAD = (
    "simulated",
    "light",
    "population",
    "cells",
    "judged",
    "side scatter",
    "5th percentile",
    "in place",
    "transmission",
    "within the cell",
    "speed error, 95th percentile, %",
)


def rows(preset: str, per_kind: int = PER_KIND) -> Iterator[tuple[object, ...]]:
    """One row for every light and population of a preset, and one for all of them; of the cells that are judged."""
    for light, setup, cells in conditions(preset, per_kind):
        transform = transform_for(setup.instrument)
        scores = [score(setup, transform, cell) for cell in cells]
        for kind in (*KINDS, "all"):
            of_kind = [one for one in scores if kind in (one.kind, "all")]
            judged = [one for one in of_kind if one.judged]
            yield (preset, light, kind, len(of_kind), len(judged), *_summary(judged))


def _summary(scores: list[Score]) -> tuple[str, ...]:
    """Medians and percentiles of the columns that follow the numbers of cells."""
    if not scores:
        return ("",) * 6
    columns = {
        name: np.array([getattr(one, name) for one in scores])
        for name in ("volume", "volume_in_place", "transmission", "inside", "speed_error")
    }
    return (
        f"{np.median(columns['volume']):.4f}",
        f"{np.percentile(columns['volume'], 5):.4f}",
        f"{np.median(columns['volume_in_place']):.4f}",
        f"{np.median(columns['transmission']):.4f}",
        f"{np.median(columns['inside']):.4f}",
        f"{100 * np.percentile(columns['speed_error'], 95):.2f}",
    )


def figures(per_kind: int = PER_KIND) -> list[tuple[object, ...]]:
    """Every row of both presets, for the docs."""
    return [row for preset in ("sheet-real", "sheet-ci") for row in rows(preset, per_kind)]


def main(words: list[str]) -> None:
    """Print the table, of so many cells of a kind, or draw the sheet."""
    if words[:1] == ["--sheet"] and len(words) == 2:
        # Imported here: only the sheet draws.
        from benchmarks.accuracy_sheet import draw_sheet

        draw_sheet(Path(words[1]))
    elif words[:1] == ["--real"] and len(words) <= 2:
        # Imported here: only this needs the public collections of real images.
        from benchmarks.real_cells import draw_real, show_real

        collections = show_real()
        if len(words) == 2:
            draw_real(Path(words[1]), collections)
    else:
        print(table(HEAD, figures(int(words[0]) if words else PER_KIND)))


if __name__ == "__main__":
    main(sys.argv[1:])
