"""The light sheet's part of docs/measurements.md, with fewer cells than the pages that explain the figures."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import accuracy, calibration, live_images, restoration, speed, speed_tolerance
from benchmarks.page import table

SPEED_CELLS, ACCURACY_CELLS, RESTORED_CELLS, BEADS = 20, 6, 6, 500


def speeds(_folder: str) -> str:
    """The flow speed against the truth."""
    about = f"`python -m benchmarks.speed {SPEED_CELLS}` (about {SPEED_CELLS} cells a row; see [light-sheet.md]"
    return f"{about}(light-sheet.md))\n\n" + table(speed.HEAD, speed.figures(SPEED_CELLS))


def wrong_speeds(_folder: str) -> str:
    """What a wrong speed costs."""
    about = (
        f"`python -m benchmarks.speed_tolerance` ({speed_tolerance.CELLS} cells of each population; see "
        "[light-sheet.md](light-sheet.md)): mean correlation with the optics-blurred truth, without noise"
    )
    return f"{about}\n\n" + table(speed_tolerance.HEAD, speed_tolerance.figures())


def images(_folder: str) -> str:
    """Volumes and transmission images against what the optics show."""
    about = (
        f"`python -m benchmarks.accuracy {ACCURACY_CELLS}` (about {ACCURACY_CELLS} cells of each population; see "
        "[accuracy.md](accuracy.md)): medians of the correlation, and its 5th percentile"
    )
    return f"{about}\n\n" + table(accuracy.HEAD, accuracy.figures(ACCURACY_CELLS))


def restored(_folder: str) -> str:
    """What restoring volumes gains."""
    about = (
        f"`python -m benchmarks.restoration {RESTORED_CELLS}` (about {RESTORED_CELLS} cells of each population; see "
        "[accuracy.md](accuracy.md#restoring-volumes))"
    )
    return f"{about}\n\n" + table(restoration.HEAD, restoration.figures(RESTORED_CELLS))


def calibrated(_folder: str) -> str:
    """What beads recover of a planted instrument."""
    about = f"`python -m benchmarks.calibration {BEADS}` ({BEADS} beads; see [calibration.md](calibration.md))"
    return f"{about}\n\n" + table(calibration.HEAD, calibration.figures(BEADS))


def live(_folder: str) -> str:
    """From raw samples to images as they flow."""
    about = (
        "`python -m benchmarks.live_images` (4 channels of 30 MS/s from memory, detection and images in a thread each; "
        "volumes of the cells that pass the gate, or of all events; see [light-sheet.md](light-sheet.md))"
    )
    return f"{about}\n\n" + table(live_images.HEAD, live_images.figures())


LIGHT_SHEET_SECTIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("Light sheet: flow speed", speeds),
    ("Light sheet: what a wrong speed costs", wrong_speeds),
    ("Light sheet: images and volumes", images),
    ("Light sheet: restored volumes", restored),
    ("Light sheet: calibration with beads", calibrated),
    ("Light sheet: live at 500 cells/s", live),
)
