"""How close reconstructed images come to what the simulated optics would show without noise and sampling."""

from __future__ import annotations

from itertools import islice

import numpy as np

from acquisition.block import Block
from acquisition.detection import detector_for
from reconstruction.methods import line_view
from reconstruction.time_stretch.masked_warp import masked_warp
from reconstruction.time_stretch.views import views_of
from reconstruction.transform import transform_for
from simulator.arrivals import Arrival, arrivals
from simulator.cells.sample import parse_sample
from simulator.optics.light_sheet import LightSheetModel
from simulator.optics.scattering import blurred_scatter
from simulator.optics.time_stretch import TimeStretchModel
from simulator.presets import setup_preset
from simulator.setup import Setup
from simulator.stream import Extent, SimulatedStream

CELLS, SEED = 40, 11


def correlation(image: np.ndarray, ideal: np.ndarray) -> float:
    """Pearson correlation of all pixels."""
    return float(np.corrcoef(image.ravel(), ideal.ravel())[0, 1])


def image_agreement(preset: str) -> dict[str, list[float]]:
    """Correlations by channel, and the accuracy of the measured speed, of the cells that pass the gate."""
    setup = setup_preset(preset)
    if preset == "stretch-ci":
        # The nominal speed stands there, so a spread of speeds would be measured instead of the image.
        setup = setup.changed({"flow.speed_cv": 0.0})
    simulated = SimulatedStream(setup, parse_sample("wbc"), SEED, Extent(cells=CELLS))
    detector = detector_for(setup.instrument)
    events, tick = [], 0
    for frame in simulated.frames():
        events += detector.push(Block(frame, tick))
        tick += frame.shape[0]
    events += detector.flush()
    transform = transform_for(setup.instrument)
    images = transform.images(events, transform.channels)
    by_id = {event.event_id: event for event in events}
    cells = list(islice(arrivals(setup, parse_sample("wbc"), SEED), CELLS))
    scores: dict[str, list[float]] = {}
    for row in np.flatnonzero(images.is_cell):
        arrival = min(cells, key=lambda a: abs(a.tick - images.trigger_tick[row]))
        for name, ideal in ideal_images(setup, arrival, float(images.trigger_tick[row])).items():
            scores.setdefault(f"correlation of {name}", []).append(correlation(images.images[name][row], ideal))
            if (view := line_view(setup.instrument, name)) is not None:
                offline = masked_warp(by_id[int(images.event_id[row])], setup.instrument, view)
                scores.setdefault(f"correlation of {name}, masked warp", []).append(correlation(offline, ideal))
        if np.isfinite(images.speed_error_m_s[row]):
            error = abs(images.speed_m_s[row] / arrival.speed_m_s - 1.0)
            scores.setdefault("accuracy of speed (1 - relative error)", []).append(1.0 - float(error))
    return scores


def ideal_images(setup: Setup, arrival: Arrival, trigger_tick: float) -> dict[str, np.ndarray]:
    """Images of one cell as the optics blur it, on the instrument's grid, by channel."""
    instrument = setup.instrument
    n, pixel_um = instrument.grid.size_px, instrument.grid.pixel_um
    if instrument.kind == "time_stretch":
        ideal = TimeStretchModel(setup, SEED).shadow(arrival).ideal()
        um_per_tick = arrival.speed_m_s * 1e6 / instrument.sample_rate_hz
        shift_um = ((trigger_tick - arrival.tick) * um_per_tick, arrival.x_um)
        names = [view.name for view in instrument.time_stretch.views]
        return {
            view.name: _cut(moved(ideal[name].image, shift_um, ideal[name].pixel_um), n)
            for name, view in zip(names, views_of(instrument), strict=False)
        }
    x_um = ((np.arange(n) + 0.5 - n / 2) * pixel_um).astype(np.float32)
    place = np.array([arrival.z_um, 0.0, arrival.x_um, 0.0], dtype=np.float32)
    volume = blurred_scatter(arrival.specimen.scatterers + place, x_um, instrument.light_sheet, n, pixel_um)
    return {
        "transmission": _cut(LightSheetModel(setup, SEED).transmission(arrival), n),
        "side_scatter": volume.transpose(1, 2, 0),
    }


def moved(image: np.ndarray, shift_um: tuple[float, float], pixel_um: float) -> np.ndarray:
    """Move a picture along its rows and columns, also by parts of a pixel; what leaves comes in on the other side."""
    spectrum = np.fft.fft2(image - 1.0)
    for axis, um in enumerate(shift_um):
        turn = np.exp(-2j * np.pi * np.fft.fftfreq(image.shape[axis], pixel_um) * um)
        spectrum = spectrum * (turn[:, None] if axis == 0 else turn[None, :])
    return np.asarray(np.fft.ifft2(spectrum).real + 1.0, dtype=np.float32)


def _cut(image: np.ndarray, n: int) -> np.ndarray:
    edge = (image.shape[0] - n) // 2
    return image[edge : edge + n, edge : edge + n]


if __name__ == "__main__":
    for preset in ("sheet-ci", "stretch-ci"):
        for name, values in image_agreement(preset).items():
            median, low = np.percentile(values, [50, 5])
            print(f"{preset:<12} {name:<42} median {median:.4f}, 5th percentile {low:.4f}, {len(values)} cells")
