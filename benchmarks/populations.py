"""What the simulated populations look like beside their specification, and what beads scatter beside Mie's theory."""

from __future__ import annotations

import time

import numpy as np

from simulator.cells.catalogue import KINDS
from simulator.cells.drawing import draw_specimen
from simulator.cells.levels import ImageLevel
from simulator.cells.mie import mie_side_cross_section_um2
from simulator.cells.specimen import MEDIUM_INDEX, Specimen, View
from simulator.optics.born import born_scatter
from simulator.presets import setup_preset
from simulator.randomness import Purpose, random_stream

CELLS, SEED = 200, 12
REFERENCE = "lymphocyte"
SPECIFIED_LEVEL = {
    "lymphocyte": "1",
    "monocyte": "2 to 3",
    "neutrophil": "6 to 10",
    "eosinophil": "10 to 15",
    "skno1": "2 to 4",
    "hek293t": "3 to 6",
    "thp1": "3 to 5",
    "mcf7": "5 to 9",
    "mda-mb-231": "5 to 8",
}
"""Table F.2."""
SPECIFIED_DIAMETER_UM = {
    "lymphocyte": "7.0",
    "b-cell": "7.3",
    "monocyte": "9.8",
    "neutrophil": "8.8",
    "eosinophil": "9.0",
    "skno1": "12.0",
    "hek293t": "13.5",
    "hek-gr-untreated": "13.5",
    "hek-gr-dex": "13.5",
    "thp1": "13.0",
    "mcf7": "17.0",
    "mda-mb-231": "15.5",
    "rbc": "7.8",
    "platelet": "2.5",
    "debris": "0.5 to 3",
}
BEADS = ("bead-3um", "bead-6um", "bead-10um")

Row = tuple[object, ...]


def figures() -> list[Row]:
    """Rows: kind, diameter and its specification, side scatter against a lymphocyte, its range, its spread."""
    drawn = {kind: [_draw(kind, k) for k in range(CELLS)] for kind in KINDS if kind not in BEADS}
    unit = float(np.median([_level(cell) for cell in drawn[REFERENCE]]))
    rows: list[Row] = []
    for kind, specimens in drawn.items():
        diameters = np.array([specimen.diameter_um for specimen in specimens])
        levels = np.array([_level(specimen) for specimen in specimens]) / unit
        rows.append(
            (
                kind,
                f"{np.median(diameters):.1f} ({_robust_cv(diameters):.0%})",
                SPECIFIED_DIAMETER_UM.get(kind, "-"),
                f"{np.median(levels):.3g}",
                SPECIFIED_LEVEL.get(kind, "-"),
                f"{_robust_cv(levels):.0%}",
            )
        )
    return rows


def bead_figures() -> list[Row]:
    """Rows: kind, Mie's cross-section in um^2, and the signals of the levels L0, L1 and L2 against it.

    The first Born approximation does not hold for polystyrene, whose light is delayed by many wavelengths: L1 stands
    there to show by how much. A bead's cross-section swings with its size, so L0 is a mean over the beads' own spread.
    """
    rows: list[Row] = []
    optics = setup_preset("sheet-ci").instrument.light_sheet
    axis = ((np.arange(80) + 0.5 - 40) * 0.25).astype(np.float32)
    for kind in BEADS:
        beads = [_draw(kind, k) for k in range(20)]
        exact = np.array([mie_side_cross_section_um2(bead.diameter_um, 1.59, MEDIUM_INDEX) for bead in beads])
        plain = np.array([_level(bead) for bead in beads])
        scaled = np.array([_level(_draw(kind, k, "L2")) for k in range(20)])
        born = born_scatter(beads[0], (0.0, 0.0, 0.0), axis, optics, 80, 0.25).sum() * 0.25**3 / (2 * np.pi) ** 1.5
        rows.append(
            (
                kind,
                f"{np.mean(exact):.3g}",
                f"{np.mean(plain) / np.mean(exact):.2g}",
                f"{born / exact[0]:.2g}",
                f"{np.mean(scaled / exact):.4f}",
            )
        )
    return rows


def level_figures() -> list[Row]:
    """Rows: kind, and the side scatter of first-Born images (L1) against that of points (L0), of three cells each."""
    rows: list[Row] = []
    optics = setup_preset("sheet-ci").instrument.light_sheet
    axis = ((np.arange(80) + 0.5 - 40) * 0.25).astype(np.float32)
    for kind in ("lymphocyte", "monocyte", "neutrophil", "eosinophil"):
        ratios = []
        for k in range(3):
            cell = _draw(kind, k)
            volume = born_scatter(cell, (0.0, 0.0, 0.0), axis, optics, 80, 0.25)
            ratios.append(float(volume.sum()) * 0.25**3 / (2 * np.pi) ** 1.5 / _level(cell))
        rows.append((kind, f"{np.median(ratios):.2g}", f"{min(ratios):.2g} to {max(ratios):.2g}"))
    return rows


def milliseconds() -> list[Row]:
    """Rows: kind, ms to draw one, ms for its field on 96 x 96 pixels."""
    view = View((0, 1, 2), (0.0, 0.0), 96, 0.25, 488.0)
    rows: list[Row] = []
    for kind in ("lymphocyte", "monocyte", "neutrophil", "hek-gr-dex", "mcf7"):
        _draw(kind, 0).field(view)
        began = time.perf_counter()
        cells = [_draw(kind, k) for k in range(40)]
        drawn = time.perf_counter()
        for cell in cells:
            cell.field(view)
        seen = time.perf_counter()
        rows.append((kind, f"{(drawn - began) * 25:.2f}", f"{(seen - drawn) * 25:.2f}"))
    return rows


def _draw(kind: str, k: int, level: str = "L0") -> Specimen:
    return draw_specimen(kind, random_stream(SEED, Purpose.CELLS, k), ImageLevel(level))


def _level(specimen: Specimen) -> float:
    return float(specimen.scatterers[:, 3].sum())


def _robust_cv(values: np.ndarray) -> float:
    """Spread of the middle half, as the CV of a normal distribution that has it."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float((high - low) / 1.349 / middle)


if __name__ == "__main__":
    for title, rows in (
        ("kind, diameter um (robust CV), specified, level / lymphocyte, specified, robust CV", figures()),
        ("bead, Mie um^2, L0 / Mie, L1 / Mie, L2 / Mie", bead_figures()),
        ("kind, L1 / L0, range", level_figures()),
        ("kind, ms to draw, ms for a field", milliseconds()),
    ):
        print(f"\n{title}")
        for row in rows:
            print("  ".join(f"{cell!s:>18}" for cell in row))
