"""Whether real cells are recognised after they went through the simulated instruments.

Every image walks the whole line: phantom, optics, electronics, detection, reconstruction. It is compared with its own
original at the instrument's pixel and resolution, and, as the control, with the original of another cell of its class.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.errors import ConfigError
from reconstruction.transform import transform_for
from simulator.arrivals import Arrival, arrivals
from simulator.cells.specimen import Specimen, View
from simulator.phantoms import Phantoms, open_phantoms
from simulator.presets import setup_preset
from simulator.setup import Setup
from simulator.stream import Extent, SimulatedStream

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
COLLECTIONS = {"Jurkat": "jurkat_ifc_exp1.npz", "PBC": "pbc_dev_128.zip"}
PRESETS = ("sheet-ci", "stretch-ci")
CELLS, SEED = 40, 5
SHIFT_PX = 16
"""Largest shift that is allowed between an image and an original: where in the image a cell stands is no property of
it."""

Images = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """One cell as it was and as it came out.

    Attributes
    ----------
    kind
        Its label.
    original, image
        `(n, n)`: transmission at the instrument's pixel and resolution, and as it was reconstructed.
    scatter, volume
        The same of side scatter, seen along x; None where the instrument or the collection has none.
    raw
        The image as its file holds it.
    """

    kind: str
    original: Images
    image: Images
    scatter: Images | None
    volume: Images | None
    raw: Images


Walked = tuple[str, str, list[Seen]]


def figures(walked: Iterable[Walked] | None = None) -> dict[str, float]:
    """Medians over the cells of each collection on each instrument, by name; None walks them first."""
    found: dict[str, float] = {}
    for collection, preset, cells in runs() if walked is None else walked:
        for name, value in agreement(cells).items():
            found[f"{collection} on {preset}, {name}"] = value
    return found


def runs() -> Iterator[Walked]:
    """Walk every collection through every instrument.

    Raises
    ------
    ConfigError
        If the real images are not there.
    """
    for collection, file in COLLECTIONS.items():
        phantoms = open_phantoms(DATA / file)
        for preset in PRESETS:
            yield collection, preset, walk(phantoms, preset)


def walk(phantoms: Phantoms, preset: str, cells: int = CELLS) -> list[Seen]:
    """Send real cells through an instrument, one at a time, and return those that pass the gate."""
    setup = setup_preset(preset)
    slow = {"flow.cells_per_s": setup.flow.cells_per_s / 4, "flow.debris_per_cell": 0.0, "flow.doublets": 0.0}
    setup = setup.changed(slow)
    detector, events, tick = detector_for(setup.instrument), [], 0
    for frame in SimulatedStream(setup, phantoms, SEED, Extent(cells=cells)).frames():
        events += detector.push(Block(frame, tick))
        tick += frame.shape[0]
    events += detector.flush()
    transform = transform_for(setup.instrument)
    images = transform.images(events, transform.channels)
    true = [arrival for _, arrival in zip(range(cells), arrivals(setup, phantoms, SEED), strict=False)]
    channel = transform.flat_channels[0]
    seen = []
    for row in np.flatnonzero(images.is_cell):
        arrival = min(true, key=lambda a: abs(a.tick - images.trigger_tick[row]))
        volume = images.images.get("side_scatter")
        flat = None if volume is None else volume[row].sum(axis=2)
        seen.append(_seen(setup, phantoms, arrival, images.images[channel][row], flat))
    return seen


def _seen(setup: Setup, phantoms: Phantoms, arrival: Arrival, image: Images, volume: Images | None) -> Seen:
    specimen, raw = arrival.specimen, phantoms.cells.read(int(arrival.specimen.facts["source_index"]))
    if raw.transmission is None:
        raise ConfigError("The benchmark is for flat images.")
    scatter = None if volume is None or raw.side_scatter is None else _scatter(specimen, image.shape[0], setup)
    return Seen(specimen.kind, _original(specimen, image.shape[0], setup), image, scatter, volume, raw.transmission)


def _original(specimen: Specimen, n: int, setup: Setup) -> Images:
    """Transmission as the file shows it, at the instrument's pixel, blurred by its resolution."""
    view = View((0, 1, 2), (0.0, 0.0), n, setup.instrument.grid.pixel_um, 488.0)
    return _blurred(np.abs(specimen.field(view)) ** 2 - 1, _resolution_px(setup)) + 1


def _scatter(specimen: Specimen, n: int, setup: Setup) -> Images:
    """Side scatter as the file shows it: the points' light on the plane z, y."""
    edge_um = n * setup.instrument.grid.pixel_um / 2
    z, y, _, light = specimen.scatterers.T
    flat, _, _ = np.histogram2d(z, y, bins=n, range=[[-edge_um, edge_um]] * 2, weights=light)
    return _blurred(flat.astype(np.float32), _resolution_px(setup))


def _resolution_px(setup: Setup) -> float:
    """Standard deviation of the blur: an aperture's, and on the light sheet those of the sheet and of a pinhole."""
    instrument = setup.instrument
    if instrument.kind == "time_stretch":
        line = instrument.time_stretch
        um = 0.51 * line.wavelength_nm * 1e-3 / line.aperture / 2.355
    else:
        um = instrument.light_sheet.sheet_waist_um / 2
    return um / instrument.grid.pixel_um


def _blurred(image: Images, sigma_px: float) -> Images:
    frequency = np.fft.fftfreq(image.shape[0])
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    spectrum = np.fft.fft2(image) * np.exp(-2 * (np.pi * sigma_px) ** 2 * squared)
    return np.fft.ifft2(spectrum).real.astype(np.float32)


def correlation(image: Images, original: Images) -> float:
    """Pearson correlation of all pixels at the best shift (the images go round at their rims, which are empty)."""
    a, b = (picture - picture.mean() for picture in (image, original))
    products = np.fft.ifft2(np.fft.fft2(a) * np.conj(np.fft.fft2(b))).real
    near = np.r_[0 : SHIFT_PX + 1, -SHIFT_PX:0]
    return float(products[np.ix_(near, near)].max() / np.sqrt((a**2).sum() * (b**2).sum()))


def agreement(cells: list[Seen]) -> dict[str, float]:
    """Return correlations with the own original and with others of the class, and how often the own one is best."""
    every = np.array([[correlation(cell.image, other.original) for other in cells] for cell in cells])
    own, control = np.diag(every), _of_others(every, cells)
    found = {
        "cells": float(len(cells)),
        "transmission": _median(own),
        "transmission, 5th percentile": float(np.percentile(own, 5)),
        "transmission, another cell of the class": _median(control),
        "own original is the best of all": float(np.mean(every.argmax(axis=1) == np.arange(len(cells)))),
    }
    with_scatter = [cell for cell in cells if cell.scatter is not None and cell.volume is not None]
    if with_scatter:
        pairs = [(cell.volume, [other.scatter for other in with_scatter]) for cell in with_scatter]
        sides = np.array([[correlation(a, b) for b in bs if b is not None] for a, bs in pairs if a is not None])
        found["side scatter"] = _median(np.diag(sides))
        found["side scatter, another cell of the class"] = _median(_of_others(sides, with_scatter))
    return found


def _median(values: npt.NDArray[np.float64]) -> float:
    """Return the median; NaN where nothing was to be compared."""
    return float(np.median(values)) if values.size else float("nan")


def _of_others(every: npt.NDArray[np.float64], cells: list[Seen]) -> npt.NDArray[np.float64]:
    """Correlations of each image with the originals of other cells of its class."""
    kinds = np.array([cell.kind for cell in cells])
    others = (kinds[:, None] == kinds[None, :]) & ~np.eye(len(cells), dtype=np.bool_)
    return every[others]


def sheet(path: Path, walked: Iterable[Walked], shown: int = 12) -> None:
    """Draw originals above what was reconstructed from them."""
    # Imported here: only the sheet draws.
    from matplotlib.figure import Figure

    lines = [line for collection, preset, cells in walked for line in _lines(collection, preset, cells[:shown])]
    figure = Figure(figsize=(1.15 * shown, 1.25 * len(lines)), layout="constrained")
    panels = figure.subplots(len(lines), shown, squeeze=False)
    for row, line in zip(panels, lines, strict=True):
        for axis, (title, picture) in zip(row, line, strict=False):
            axis.imshow(picture, cmap="gray")
            axis.set_title(title, fontsize=6)
    for axis in panels.ravel():
        axis.set_axis_off()
    figure.savefig(path, dpi=90)


def _lines(collection: str, preset: str, cells: list[Seen]) -> Iterator[list[tuple[str, Images]]]:
    """Give one line of titled pictures for what each cell was, and one for what came out."""
    yield [(f"{cell.kind} {collection}", cell.raw) for cell in cells]
    yield [(preset, cell.image) for cell in cells]
    pairs = [(cell.scatter, cell.volume) for cell in cells if cell.scatter is not None and cell.volume is not None]
    if pairs:
        yield [("darkfield", scatter) for scatter, _ in pairs]
        yield [("side scatter", volume) for _, volume in pairs]


if __name__ == "__main__":
    once = list(runs())
    for name, value in figures(once).items():
        print(f"{name:<75} {value:.4g}")
    if len(sys.argv) > 1:
        sheet(Path(sys.argv[1]), once)
