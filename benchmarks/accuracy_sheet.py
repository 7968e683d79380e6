"""Draw reconstructed cells beside their truth, a row for every population."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.agreement import Floats, moved_um
from benchmarks.isolated import KINDS, SEED, Isolated, alone, isolated, true_transmission, true_volume
from reconstruction.transform import transform_for
from simulator.presets import setup_preset
from simulator.setup import Setup

Picture = tuple[str, Floats, tuple[float, float]]
"""Title, image, and the levels that are black and white."""

PRESET, PER_KIND, SHOWN = "sheet-real", 6, 2


def draw_sheet(path: Path) -> None:
    """Draw cells of every population with all defects of `PRESET` into a PNG file."""
    setup = alone(setup_preset(PRESET))
    cells = isolated(setup, PER_KIND, SEED + 2)
    lines = [line for kind in KINDS for line in _lines(setup, kind, cells)]
    draw_lines(path, lines, 13.0 / 8, 1.75)


def draw_lines(path: Path, lines: Sequence[Sequence[Picture]], width: float, height: float) -> None:
    """Draw lines of pictures, of one length and with their titles, `width` x `height` inches each, into a PNG file."""
    # Imported here: only sheets draw.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * len(lines[0]), height * len(lines)), layout="constrained")
    panels = figure.subplots(len(lines), len(lines[0]), squeeze=False)
    for row, line in zip(panels, lines, strict=True):
        for axis, (title, picture, (low, high)) in zip(row, line, strict=True):
            axis.imshow(picture, cmap="gray", vmin=low, vmax=high)
            axis.set_title(title, fontsize=8)
            axis.set_axis_off()
    figure.savefig(path, dpi=70)


def _lines(setup: Setup, kind: str, cells: list[Isolated]) -> Iterator[list[Picture]]:
    transform = transform_for(setup.instrument)
    of_kind = [cell for cell in cells if cell.arrival.specimen.kind == kind]
    for cell in of_kind[:SHOWN]:
        images = transform.images([cell.event], transform.channels).images
        yield _pictures(setup, cell, images["transmission"][0], images["side_scatter"][0])


def _pictures(setup: Setup, cell: Isolated, flat: Floats, volume: Floats) -> list[Picture]:
    """Give truth and reconstruction: transmission, and side scatter at its brightest along x, y and z."""
    pixel_um = setup.instrument.grid.pixel_um
    true_flat = true_transmission(
        setup, cell.arrival, moved_um(flat, true_transmission(setup, cell.arrival), 1.0, pixel_um)
    )
    true = true_volume(setup, cell.arrival, moved_um(volume, true_volume(setup, cell.arrival), 0.0, pixel_um))
    span = (float(true_flat.min()), float(true_flat.max()))
    line = [(f"{cell.arrival.specimen.kind}: true z, y", true_flat, span), ("reconstructed", flat, span)]
    for name, axis in (("z, y", 2), ("z, x", 1), ("y, x", 0)):
        for what, one in (("true", true), ("reconstructed", volume)):
            seen = one.max(axis=axis)
            line.append((f"SSC {what} {name}", seen, (0.0, float(seen.max()))))
    return line
