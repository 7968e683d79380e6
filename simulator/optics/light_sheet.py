"""The scanning light sheet: every sample looks at one z, one y and, by its pinhole, one x (specification A.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from acquisition.folding import PeriodGrid
from acquisition.geometry import scan_coefficients, sheet_height
from acquisition.instrument import Role
from simulator.arrivals import Arrival
from simulator.cells.specimen import View
from simulator.optics.brightfield import brightfield
from simulator.optics.flight import Flight, bilinear
from simulator.optics.scattering import blurred_scatter
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]

GRID_PX = 96
PIXEL_UM = 0.25
REACH_UM = GRID_PX * PIXEL_UM / 2
ScanCoefficients = tuple[float, float, float, float, bool]
DARK_EFFICIENCY = 0.03
"""What the deflector lets through between two scans."""


@numba.njit(cache=True, nogil=True)
def _efficiency(
    first_tick: int, n: int, origin_tick: float, period_ticks: float, duty: float, roll_off: float
) -> Floats:
    """Diffraction efficiency of each sample, `(n,)` (specification A.5)."""
    result = np.empty(n, dtype=np.float32)
    for m in range(n):
        turn = (first_tick + m - origin_tick) / period_ticks
        u = (turn - math.floor(turn)) / duty
        result[m] = 1.0 - roll_off * (2.0 * u - 1.0) ** 2 if u < 1.0 else DARK_EFFICIENCY
    return result


@numba.njit(cache=True, nogil=True)
def _lay_side(
    light: Floats, grid: PeriodGrid, scan: ScanCoefficients, flight: Flight, volume: Floats, mask_y: Floats,
    efficiency: Floats, photoelectrons: float,
) -> None:  # fmt: skip
    """Add the side scatter of one cell to the `(n,)` light of its channel."""
    reach = GRID_PX * PIXEL_UM / 2
    for m in range(light.shape[0]):
        tick = grid.first_tick + m
        path = flight.um_per_tick * (tick - flight.tick)
        z = sheet_height((tick - grid.origin_tick) / grid.period_ticks, scan[0], scan[1], scan[2], scan[3], scan[4])
        if math.isnan(z):
            continue
        for i in range(mask_y.shape[0]):
            y = mask_y[i] - path
            if abs(y) < reach:
                value = bilinear(volume[i], z / PIXEL_UM + GRID_PX / 2 - 0.5, y / PIXEL_UM + GRID_PX / 2 - 0.5)
                if not math.isnan(value):
                    light[m] += photoelectrons * efficiency[m] * value


@numba.njit(cache=True, nogil=True)
def _lay_forward(
    light: Floats, grid: PeriodGrid, scan: ScanCoefficients, flight: Flight, image: Floats, slit_y: float
) -> None:
    """Multiply the `(n,)` light of a transmission channel by one cell's transmission image."""
    for m in range(light.shape[0]):
        tick = grid.first_tick + m
        y = slit_y - flight.um_per_tick * (tick - flight.tick)
        z = sheet_height((tick - grid.origin_tick) / grid.period_ticks, scan[0], scan[1], scan[2], scan[3], scan[4])
        if math.isnan(z):
            continue
        value = bilinear(image, z / PIXEL_UM + GRID_PX / 2 - 0.5, y / PIXEL_UM + GRID_PX / 2 - 0.5)
        if not math.isnan(value):
            light[m] *= value


class LightSheetModel:
    """Forward model of a light-sheet instrument; see `simulator.optics.forward.ForwardModel`."""

    def __init__(self, setup: Setup, seed: int) -> None:
        optics = setup.instrument.light_sheet
        self.setup = setup
        self.optics = optics
        self.period_ticks = setup.instrument.sample_rate_hz / optics.scan.rate_hz / (1 + setup.clock.offset_ppm * 1e-6)
        self.origin_tick = float(random_stream(seed, Purpose.OPTICS).random() * self.period_ticks)
        self.columns_um = np.array(optics.mask.x_um, dtype=np.float32)
        self.mask_y_um = np.array(optics.mask.y_um, dtype=np.float32)

    def efficiency(self, first_tick: int, n: int) -> Floats:
        """Diffraction efficiency of the samples from `first_tick` on, `(n,)`."""
        scan = self.optics.scan
        return np.asarray(
            _efficiency(first_tick, n, self.origin_tick, self.period_ticks, scan.active_duty, scan.efficiency_roll_off)
        )

    def empty(self, first_tick: int, light: Floats) -> None:
        """Fill the light of an empty stream: the beam on transmission, stray light on the side."""
        efficiency = self.efficiency(first_tick, light.shape[0])
        for c, (channel, level) in enumerate(zip(self.setup.instrument.channels, self.setup.detectors, strict=True)):
            base = level.photoelectrons if channel.role is Role.TRANSMISSION else level.stray
            light[:, c] = base * efficiency

    def shadow(self, arrival: Arrival) -> LightSheetShadow:
        """Render the cell's side scatter at every pinhole and its transmission image."""
        points = arrival.specimen.scatterers + np.array([arrival.z_um, 0.0, arrival.x_um, 0.0], dtype=np.float32)
        volume = blurred_scatter(points, self.columns_um, self.optics, GRID_PX, PIXEL_UM)
        return LightSheetShadow(self, arrival, volume, self.transmission(arrival))

    def transmission(self, arrival: Arrival) -> Floats:
        """Transmission image (z, y) as slit and sheet see it, `(GRID_PX, GRID_PX)`."""
        optics = self.optics
        field = arrival.specimen.field(View((0, 1, 2), (arrival.z_um, 0.0), GRID_PX, PIXEL_UM, optics.wavelength_nm))
        image = brightfield(
            field,
            optics.wavelength_nm,
            optics.forward_aperture,
            optics.medium_index,
            self.setup.optics.defocus_um + arrival.x_um,
            PIXEL_UM,
        )
        return _blur(image, optics.sheet_waist_um / 2, optics.slits[0].width_um / math.sqrt(12.0))


@dataclass(frozen=True, slots=True)
class LightSheetShadow:
    """One cell as the light sheet sees it; see `simulator.optics.forward.Shadow`."""

    model: LightSheetModel
    arrival: Arrival
    volume: Floats
    image: Floats

    @property
    def _um_per_tick(self) -> float:
        return self.arrival.speed_m_s * 1e6 / self.model.setup.instrument.sample_rate_hz

    @property
    def first_tick(self) -> int:
        """First sample that it touches."""
        first = min(float(self.model.mask_y_um[0]), self.model.optics.slits[0].y_um)
        return math.floor(self.arrival.tick + (first - REACH_UM) / self._um_per_tick)

    @property
    def end_tick(self) -> int:
        """Sample after the last that it touches."""
        last = max(float(self.model.mask_y_um[-1]), self.model.optics.slits[-1].y_um)
        return math.ceil(self.arrival.tick + (last + REACH_UM) / self._um_per_tick)

    def lay(self, first_tick: int, light: Floats) -> None:
        """Dim the transmission and light up the side channels."""
        model = self.model
        start = max(0, self.first_tick - first_tick)
        stop = min(light.shape[0], self.end_tick - first_tick)
        if start >= stop:
            return
        scan = scan_coefficients(model.optics.scan)
        grid = PeriodGrid(first_tick + start, model.origin_tick, model.period_ticks)
        flight = Flight(self.arrival.tick, self._um_per_tick)
        efficiency = model.efficiency(first_tick + start, stop - start)
        slits = iter(model.optics.slits)
        for c, (channel, level) in enumerate(zip(model.setup.instrument.channels, model.setup.detectors, strict=True)):
            part = np.ascontiguousarray(light[start:stop, c])
            if channel.role is Role.TRANSMISSION:
                _lay_forward(part, grid, scan, flight, self.image, next(slits).y_um)
            else:
                _lay_side(part, grid, scan, flight, self.volume, model.mask_y_um, efficiency, level.photoelectrons)
            light[start:stop, c] = part


def _blur(image: Floats, sigma_z_um: float, sigma_y_um: float) -> Floats:
    """Blur an image (z, y), 1 where empty, by Gaussians of these widths."""
    frequency = np.fft.fftfreq(image.shape[0], PIXEL_UM)
    gauss_z = np.exp(-2 * (np.pi * sigma_z_um * frequency) ** 2)
    gauss_y = np.exp(-2 * (np.pi * sigma_y_um * frequency) ** 2)
    spectrum = np.fft.fft2(image - 1.0) * gauss_z[:, None] * gauss_y[None, :]
    return np.asarray(np.fft.ifft2(spectrum).real + 1.0, dtype=np.float32)
