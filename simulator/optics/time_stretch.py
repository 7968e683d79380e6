"""Time-stretched lines: every line is the brightfield of one y, x by phase under the envelope (specification B.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from acquisition.folding import PeriodGrid
from simulator.arrivals import Arrival
from simulator.cells.specimen import View
from simulator.optics.brightfield import brightfield
from simulator.optics.flight import Flight, bilinear
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]

GRID_PX = 112
PIXEL_UM = 0.25
REACH_UM = GRID_PX * PIXEL_UM / 2
ENVELOPE_BINS = 4096


def envelope(n_bins: int = ENVELOPE_BINS) -> Floats:
    """Illumination along a line, `(n_bins,)`, height 1: soft edges and two uneven lobes, as real sources have."""
    u = (np.arange(n_bins) + 0.5) / n_bins
    edges = np.clip(u / 0.08, 0, 1) * np.clip((1 - u) / 0.08, 0, 1)
    lobes = 0.72 + 0.20 * np.sin(2 * np.pi * (1.5 * u + 0.1)) + 0.08 * np.sin(2 * np.pi * 5 * u + 1.0)
    shape = np.sin(0.5 * np.pi * edges) ** 2 * lobes
    return np.asarray(shape / shape.max(), dtype=np.float32)


@numba.njit(cache=True, nogil=True)
def _empty_lines(light: Floats, grid: PeriodGrid, width: float, shape: Floats, level: float, gains: Floats) -> None:
    """Fill `(n,)` with lines whose light begins at phase 0; every pulse has a gain of its own."""
    n_bins = shape.shape[0]
    for m in range(light.shape[0]):
        turn = (grid.first_tick + m - grid.origin_tick) / grid.period_ticks
        line = math.floor(turn)
        u = (turn - line) * grid.period_ticks / width
        if u < 1.0:
            # A multiplicative hash picks the gain, so that gains do not repeat in order.
            pick = ((line * 2654435761) >> 7) % gains.shape[0]
            light[m] = level * shape[int(u * n_bins)] * gains[pick]
        else:
            light[m] = 0.0


@numba.njit(cache=True, nogil=True)
def _lay_lines(
    light: Floats, grid: PeriodGrid, width: float, flight: Flight, image: Floats, x_um: float, um_per_sample: float
) -> None:
    """Multiply `(n,)` by one cell's brightfield image (y, x)."""
    n = image.shape[0]
    for m in range(light.shape[0]):
        tick = grid.first_tick + m
        turn = (tick - grid.origin_tick) / grid.period_ticks
        inside = (turn - math.floor(turn)) * grid.period_ticks
        if inside >= width:
            continue
        x = (inside - width / 2) * um_per_sample - x_um
        y = -flight.um_per_tick * (tick - flight.tick)
        value = bilinear(image, y / PIXEL_UM + n / 2 - 0.5, x / PIXEL_UM + n / 2 - 0.5)
        if not math.isnan(value):
            light[m] *= value


class TimeStretchModel:
    """Forward model of a time-stretch instrument; see `simulator.optics.forward.ForwardModel`."""

    def __init__(self, setup: Setup, seed: int) -> None:
        optics = setup.instrument.time_stretch
        self.setup = setup
        self.optics = optics
        rng = random_stream(seed, Purpose.OPTICS)
        self.period_ticks = setup.instrument.sample_rate_hz / optics.line_rate_hz / (1 + setup.clock.offset_ppm * 1e-6)
        self.origin_tick = float(rng.random() * self.period_ticks)
        self.shape = envelope()
        self.gains = (1.0 + setup.laser.pulse_noise * rng.standard_normal(1 << 16)).astype(np.float32)

    def empty(self, first_tick: int, light: Floats) -> None:
        """Fill the light of empty lines."""
        for c, level in enumerate(self.setup.detectors):
            column = np.empty(light.shape[0], dtype=np.float32)
            grid = PeriodGrid(first_tick, self.origin_tick, self.period_ticks)
            width = self.optics.views[0].width_samples
            _empty_lines(column, grid, width, self.shape, level.photoelectrons, self.gains)
            light[:, c] = column

    def shadow(self, arrival: Arrival) -> TimeStretchShadow:
        """Render the cell's brightfield image."""
        return TimeStretchShadow(self, arrival, self.image(arrival))

    def image(self, arrival: Arrival) -> Floats:
        """Brightfield image (y, x) of the cell, centred on it, `(GRID_PX, GRID_PX)`."""
        optics = self.optics
        field = arrival.specimen.field(View((1, 2, 0), (0.0, 0.0), GRID_PX, PIXEL_UM, optics.wavelength_nm))
        defocus = self.setup.optics.defocus_um + arrival.z_um
        return brightfield(field, optics.wavelength_nm, optics.aperture, optics.medium_index, defocus, PIXEL_UM)


@dataclass(frozen=True, slots=True)
class TimeStretchShadow:
    """One cell as the lines see it; see `simulator.optics.forward.Shadow`."""

    model: TimeStretchModel
    arrival: Arrival
    picture: Floats

    @property
    def _um_per_tick(self) -> float:
        return self.arrival.speed_m_s * 1e6 / self.model.setup.instrument.sample_rate_hz

    @property
    def first_tick(self) -> int:
        """First sample that it touches."""
        return math.floor(self.arrival.tick - REACH_UM / self._um_per_tick)

    @property
    def end_tick(self) -> int:
        """Sample after the last that it touches."""
        return math.ceil(self.arrival.tick + REACH_UM / self._um_per_tick)

    def lay(self, first_tick: int, light: Floats) -> None:
        """Dim and brighten the lines that the cell crosses."""
        model = self.model
        start = max(0, self.first_tick - first_tick)
        stop = min(light.shape[0], self.end_tick - first_tick)
        if start >= stop:
            return
        grid = PeriodGrid(first_tick + start, model.origin_tick, model.period_ticks)
        flight = Flight(self.arrival.tick, self._um_per_tick)
        width, um_per_sample = model.optics.views[0].width_samples, model.optics.um_per_sample
        for c in range(light.shape[1]):
            part = np.ascontiguousarray(light[start:stop, c])
            _lay_lines(part, grid, width, flight, self.picture, self.arrival.x_um, um_per_sample)
            light[start:stop, c] = part
