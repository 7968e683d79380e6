"""What a bead's samples say it scatters, against Mie's theory: a lab's calibration, on simulated light."""

from __future__ import annotations

import math

import numpy as np

from acquisition.instrument import Role
from simulator.arrivals import Arrival
from simulator.cells.drawing import draw_specimen
from simulator.cells.levels import ImageLevel
from simulator.cells.mie import mie_side_cross_section_um2
from simulator.cells.specimen import MEDIUM_INDEX
from simulator.presets import setup_preset
from simulator.randomness import Purpose, random_stream
from simulator.rendering import FRAME_SAMPLES, Renderer
from simulator.setup import Setup

POLYSTYRENE = 1.59
TICK = 40_000.0
PHOTOELECTRONS = 80.0


def measured_um2(setup: Setup, bead: Arrival, seed: int = 1) -> float:
    """Cross-section of a bead from its samples alone, um^2.

    The counts above the level of the same samples without the bead are added up; every sample stands for the volume
    that it moves through, and the blur of the optics, whose peak is its strength over three widths, for (2 pi)^1.5
    times as much.
    """
    instrument = setup.instrument
    optics, column = instrument.light_sheet, instrument.columns(Role.SIDE_SCATTER)[0]
    renderer = Renderer(setup, seed, ImageLevel.L2)
    shadow = renderer.model.shadow(bead)
    total = 0.0
    for frame in range(-(-shadow.end_tick // FRAME_SAMPLES)):
        with_bead, without = (
            renderer.convert(frame, renderer.amplify(frame, renderer.charge(frame, FRAME_SAMPLES, shadows)))
            for shadows in ([shadow], [])
        )
        total += float(np.sum(with_bead[:, column].astype(float) - without[:, column]))
    scan, mask, level = optics.scan, optics.mask, setup.detectors[column]
    z_step_um = scan.height_um * scan.rate_hz / (scan.active_duty * instrument.sample_rate_hz)
    y_step_um = bead.speed_m_s * 1e6 / scan.rate_hz
    x_step_um = float(np.mean(np.diff(mask.x_um)))
    per_um2 = level.photoelectrons * level.counts_per_photoelectron
    return total * z_step_um * y_step_um * x_step_um / (per_um2 * (2 * math.pi) ** 1.5)


def figures(beads: int = 8) -> list[tuple[object, ...]]:
    """Rows: kind, Mie's cross-section, and the one measured from samples against it: median, least, largest."""
    settings = {"optics.pinhole_transmission_cv": 0.0, "instrument.optics.scan.efficiency_roll_off": 0.0}
    setup = setup_preset("sheet-ci").changed(settings)
    speed = setup.instrument.flow_speed_m_s
    rows: list[tuple[object, ...]] = []
    for kind in ("bead-3um", "bead-6um", "bead-10um"):
        exact, ratios = [], []
        for k in range(beads):
            specimen = draw_specimen(kind, random_stream(5, Purpose.CELLS, k), ImageLevel.L2)
            exact.append(mie_side_cross_section_um2(specimen.diameter_um, POLYSTYRENE, MEDIUM_INDEX))
            # A bead is a hundred times as bright as a cell; less light keeps the converter from clipping.
            dim = setup.changed({"detectors.1.photoelectrons": PHOTOELECTRONS / exact[-1]})
            ratios.append(measured_um2(dim, Arrival(1, specimen, TICK + 10 * k, speed, 0.0, 0.0)) / exact[-1])
        rows.append(
            (kind, f"{np.mean(exact):.3g}", f"{np.median(ratios):.3f}", f"{min(ratios):.3f} to {max(ratios):.3f}")
        )
    return rows


if __name__ == "__main__":
    for row in figures():
        print(*row, sep=" | ")
