"""A picture of every population in both instruments: `python -m benchmarks.population_sheet OUT.png`.

Each row is a kind; of each of three specimens: light-sheet transmission (z, y), side scatter summed along x (z, y),
fluorescence likewise where there is any, and the time-stretch image (y, x). All are what the optics show without noise
and sampling, 24 um wide.
"""

from __future__ import annotations

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from simulator.arrivals import Arrival
from simulator.cells.catalogue import KINDS
from simulator.cells.drawing import draw_specimen
from simulator.cells.joined import Joined
from simulator.cells.specimen import Specimen
from simulator.optics.light_sheet import LightSheetModel
from simulator.optics.scattering import blurred_scatter
from simulator.optics.time_stretch import TimeStretchModel
from simulator.presets import setup_preset
from simulator.randomness import Purpose, random_stream

SPECIMENS, SEED, PIXELS, PIXEL_UM = 3, 4, 96, 0.25
PICTURES = ("transmission", "side scatter", "fluorescence", "time stretch")


def draw(kind: str, k: int) -> Specimen:
    """One specimen, or two lymphocytes that stick together."""
    rng = random_stream(SEED, Purpose.CELLS, k)
    if kind == "doublet":
        return Joined.touching(draw_specimen("lymphocyte", rng), draw_specimen("lymphocyte", rng), rng)
    return draw_specimen(kind, rng)


def pictures(specimen: Specimen) -> list[np.ndarray]:
    """The four pictures of a specimen, `(PIXELS, PIXELS)` each; fluorescence is NaN where nothing glows."""
    sheet, stretch = setup_preset("sheet-ci"), setup_preset("stretch-ci")
    arrival = Arrival(1, specimen, 0.0, sheet.instrument.flow_speed_m_s, 0.0, 0.0)
    x_um = ((np.arange(PIXELS) + 0.5 - PIXELS / 2) * PIXEL_UM).astype(np.float32)
    shown = [_fit(LightSheetModel(sheet, SEED).transmission(arrival), 1.0)]
    for points in (specimen.scatterers, specimen.fluorophores):
        volume = blurred_scatter(points, x_um, sheet.instrument.light_sheet, PIXELS, PIXEL_UM)
        shown.append(volume.sum(axis=0) if len(points) else np.full((PIXELS, PIXELS), np.nan))
    shown.append(_fit(TimeStretchModel(stretch, SEED).image(arrival), 1.0))
    return shown


def _fit(image: np.ndarray, empty: float) -> np.ndarray:
    """Cut or fill an image to the size of the others, about its middle."""
    fitted = np.full((PIXELS, PIXELS), empty, dtype=np.float32)
    n = min(PIXELS, image.shape[0])
    inner, outer = (PIXELS - n) // 2, (image.shape[0] - n) // 2
    fitted[inner : inner + n, inner : inner + n] = image[outer : outer + n, outer : outer + n]
    return fitted


def _show(axes: Axes, image: np.ndarray, what: str) -> None:
    axes.axis("off")
    if np.isnan(image).all():
        return
    if what in ("transmission", "time stretch"):
        axes.imshow(image, cmap="gray", vmin=0.4, vmax=1.6)
    else:
        # The square root shows a membrane beside the granules that outshine it.
        axes.imshow(np.sqrt(np.maximum(image, 0.0)), cmap="magma" if what == "side scatter" else "viridis", vmin=0.0)


def sheet(path: str) -> None:
    """Write the picture."""
    kinds = [*KINDS, "doublet"]
    columns = SPECIMENS * len(PICTURES)
    figure, grid = plt.subplots(len(kinds), columns, figsize=(1.25 * columns, 1.3 * len(kinds)), squeeze=False)
    for row, kind in enumerate(kinds):
        for k in range(SPECIMENS):
            specimen = draw(kind, k)
            for column, (what, image) in enumerate(zip(PICTURES, pictures(specimen), strict=True)):
                axes = grid[row, k * len(PICTURES) + column]
                _show(axes, image, what)
                if row == 0:
                    axes.set_title(what, fontsize=8)
            grid[row, k * len(PICTURES)].text(
                0.03, 0.03, f"{kind}\n{specimen.diameter_um:.1f} um", fontsize=6, transform=grid[row, k * 4].transAxes
            )
    title = "simulated populations, noiseless optics, 24 um wide; side scatter and fluorescence each on its own scale"
    figure.suptitle(title, y=0.998, fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.992), pad=0.2)
    figure.savefig(path, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the picture to write: python -m benchmarks.population_sheet OUT.png")
    sheet(sys.argv[1])
