"""Parts for tests of the time stretch: a phase sphere, light without noise, and views laid out as pictures."""

from dataclasses import dataclass

import numpy as np

from simulator.arrivals import Arrival
from simulator.presets import setup_preset

QUIET = {"laser.pulse_noise": 0.0, "clock.jitter_s": 0.0, "optics.defocus_um": 0.0}


@dataclass(frozen=True)
class Sphere:
    """A sphere that delays light and takes a share of it."""

    diameter_um: float = 10.0
    index_step: float = 0.03
    extinction: float = 0.0
    kind: str = "sphere"

    def field(self, view):
        axis = (np.arange(view.n) + 0.5 - view.n / 2) * view.pixel_um
        squared = (self.diameter_um / 2) ** 2 - axis[:, None] ** 2 - axis[None, :] ** 2
        phase = 2 * np.pi / (view.wavelength_nm * 1e-3) * self.index_step * 2 * np.sqrt(np.maximum(squared, 0.0))
        return ((1 - self.extinction * (squared > 0)) * np.exp(1j * phase)).astype(np.complex64)


def quiet_setup(preset="stretch-ci", **changes):
    """A setup whose light has no noise; `optics__missing_pulses=0.1` changes `optics.missing_pulses`."""
    return setup_preset(preset).changed(QUIET | {name.replace("__", "."): value for name, value in changes.items()})


def arrival_at(setup, tick, specimen=None, x_um=0.0, z_um=0.0):
    return Arrival(1, specimen or Sphere(), float(tick), setup.instrument.flow_speed_m_s, x_um, z_um)


def empty_light(model, first_tick, n):
    light = np.empty((n, 1), dtype=np.float32)
    model.empty(first_tick, light)
    return light


def passed(model, arrivals, first_tick, n):
    """What the cells leave of the light, `(n,)`, NaN where there was none."""
    empty = empty_light(model, first_tick, n)
    light = empty.copy()
    for arrival in arrivals:
        model.shadow(arrival).lay(first_tick, light)
    lit = empty > 0.05 * empty.max()
    return np.where(lit, light / np.where(lit, empty, 1), np.nan)[:, 0]


def view_image(model, arrival, view, n=112, pixel_um=0.25):
    """One view of a passing cell, `(n, n)`, y and x as of the cell, 1 where nothing is: lines laid at their places."""
    setup = model.setup
    um_per_tick = arrival.speed_m_s * 1e6 / setup.instrument.sample_rate_hz
    half = n * pixel_um / 2
    first = int(arrival.tick - half / um_per_tick)
    count = int(2 * half / um_per_tick)
    left = passed(model, [arrival], first, count)
    lines = model.lines(first, count)
    axis = (np.arange(n) + 0.5 - n / 2) * pixel_um
    rows, places = [], []
    for start in lines.starts[:-1]:
        centre = start + model.views.centres[view]
        width = model.optics.views[view].width_samples
        ticks = np.arange(int(centre - width / 2), int(centre + width / 2) + 1)
        ticks = ticks[(ticks >= first) & (ticks < first + count)]
        values = left[ticks - first]
        seen = np.isfinite(values)
        if seen.sum() > 3:
            x_um = (ticks[seen] - centre) * model.optics.um_per_sample
            rows.append(np.interp(axis, x_um, values[seen]))
            places.append(-um_per_tick * (centre - arrival.tick))
    order = np.argsort(places)
    stack = np.array(rows)[order]
    return np.stack([np.interp(axis, np.array(places)[order], stack[:, c]) for c in range(n)], axis=1)


def retrieve_phase(views, wavelength_nm, aperture, pixel_um=0.25):
    """Phase `(n, n)` from the views "+x", "-x", "+y", "-y", by complex Fourier integration (specification B.5)."""
    per_um = 2 * np.pi / (wavelength_nm * 1e-3) * aperture
    slope_x = per_um * (views["+x"] - views["-x"]) / (views["+x"] + views["-x"])
    slope_y = per_um * (views["+y"] - views["-y"]) / (views["+y"] + views["-y"])
    frequency = np.fft.fftfreq(slope_x.shape[0], pixel_um)
    both = 2 * np.pi * (frequency[None, :] + 1j * frequency[:, None])
    spectrum = np.fft.fft2(slope_x + 1j * slope_y) / np.where(both == 0, 1, both)
    spectrum[0, 0] = 0
    phase = np.fft.ifft2(spectrum).imag
    return phase - np.median(np.concatenate([phase[:4].ravel(), phase[-4:].ravel()]))
