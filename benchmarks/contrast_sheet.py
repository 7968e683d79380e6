"""A picture of cells through the simulated atom-4g: `python -m benchmarks.contrast_sheet OUT.png`.

Each row is a cell, all noise and defects on: the five views as samples give them, and the contrasts made of them.
"""

from __future__ import annotations

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import CenteredNorm, Normalize

from benchmarks.flown import Place, atom_setup, flown, sphere
from reconstruction.time_stretch.contrasts import Contrast
from reconstruction.transform import transform_for
from simulator.cells.drawing import draw_specimen
from simulator.cells.specimen import Specimen
from simulator.randomness import Purpose, random_stream

SEED = 6
KINDS = ("sphere", "lymphocyte", "neutrophil", "rbc", "thp1", "mcf7")


def draw(kind: str, k: int) -> Specimen:
    """One specimen, or a sphere of 10 um whose index is 0.03 above water's."""
    return sphere(10.0, 0.03) if kind == "sphere" else draw_specimen(kind, random_stream(SEED, Purpose.CELLS, k))


def sheet(path: str) -> None:
    """Write the picture."""
    stretch = flown(atom_setup(), [draw(kind, k) for k, kind in enumerate(KINDS)], [Place()] * len(KINDS), SEED)
    transform = transform_for(stretch.setup.instrument)
    found = transform.images(stretch.events, transform.channels)
    kinds = [stretch.arrival_of(event).specimen for event in stretch.events]
    columns = transform.channels
    figure, grid = plt.subplots(
        len(kinds), len(columns), figsize=(1.3 * len(columns), 1.38 * len(kinds)), squeeze=False
    )
    for row, specimen in enumerate(kinds):
        for column, name in enumerate(columns):
            axes, image = grid[row, column], found.images[name][row]
            axes.axis("off")
            if name == Contrast.PHASE:
                shown = axes.imshow(image, cmap="viridis", norm=Normalize(0.0, max(1.0, float(np.max(image)))))
                figure.colorbar(shown, ax=axes, shrink=0.8).ax.tick_params(labelsize=5)
            elif transform.units[name].signed:
                axes.imshow(image, cmap="gray", norm=CenteredNorm(0.0, 1.2))
            else:
                axes.imshow(image, cmap="gray", vmin=0.5, vmax=1.5)
            if row == 0:
                unit = f", {transform.units[name].name}" if transform.units[name].signed else ""
                axes.set_title(f"{name.replace('_', ' ')}{unit}", fontsize=7)
        mass = found.features["dry_mass_pg"][row]
        text = f"{specimen.kind}\n{specimen.diameter_um:.1f} um" + (f"\n{mass:.0f} pg" if np.isfinite(mass) else "")
        grid[row, 0].text(0.03, 0.03, text, fontsize=6, transform=grid[row, 0].transAxes)
    figure.suptitle("simulated atom-4g with noise, 20 um wide; views 0.5 to 1.5, slopes -1.2 to 1.2 rad/um", fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 0.985), pad=0.2)
    figure.savefig(path, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the picture to write: python -m benchmarks.contrast_sheet OUT.png")
    sheet(sys.argv[1])
