"""The scanning light sheet: every sample looks at one z, one y and, by its pinhole, one x (specification A.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Role, Slit
from simulator.arrivals import Arrival
from simulator.cells.levels import ImageLevel
from simulator.cells.specimen import View
from simulator.optics.brightfield import brightfield
from simulator.optics.clock import PeriodClock
from simulator.optics.picture import Picture
from simulator.optics.scattering import blurred_scatter, sheet_sigma_um
from simulator.optics.sheet_kernels import Stretch, Transit, fill_light, lay_forward, lay_side
from simulator.optics.sheet_profile import beam_profile, empty_profile, stray_pattern, stray_profile, sweep_of
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]

PIXEL_UM = 0.25
GRID_SIZES_PX = (48, 64, 80, 96, 128, 160, 192, 256, 384, 512)
"""Edges of the pictures that cells are drawn on; the smallest that holds the cell is taken."""
GRID_PX = 96
"""Least edge of a transmission image, which is also looked at beside what is reconstructed from it."""
_BLUR_UM = 2.5
"""How far blur and diffraction carry a cell's light beyond its own edge."""


class LightSheetModel:
    """Forward model of a light-sheet instrument; see `simulator.optics.forward.ForwardModel`.

    Parameters
    ----------
    setup
        Instrument and defects.
    seed
        Decides the scan clock, the pinholes and the pattern of the stray light.
    loop_samples
        Length after which the scan clock repeats; None for a stream without end.
    level
        How side scatter is made, see `ImageLevel`.
    """

    def __init__(self, setup: Setup, seed: int, loop_samples: int | None = None, level: str = ImageLevel.L0) -> None:
        optics, defects, instrument = setup.instrument.light_sheet, setup.sheet, setup.instrument
        self.setup = setup
        self.optics = optics
        self.level = ImageLevel(level)
        self.clock = PeriodClock(optics.scan.rate_hz, instrument.sample_rate_hz, setup.clock, seed, loop_samples)
        self.sweep = sweep_of(optics.scan, defects)
        self.columns_um = np.array(optics.mask.x_um, dtype=np.float32)
        rng = random_stream(seed, Purpose.OPTICS)
        passes = 1.0 + defects.pinhole_transmission_cv * rng.standard_normal(self.columns_um.size)
        places = np.array(optics.mask.y_um) + defects.pinhole_position_um * rng.standard_normal(self.columns_um.size)
        self.pinholes = np.stack([places, np.maximum(passes, 0.0)], axis=1)
        """`(n, 2)`: where each pinhole truly stands along the flow, um, and what it lets through."""
        self.side_paths = [self.pinholes * (1.0, level.photoelectrons) for level in setup.detectors]
        """For each channel the pinholes, with the photoelectrons that they let through."""
        beam, pattern = beam_profile(self.sweep), stray_pattern(rng)
        levels = list(zip((channel.role for channel in instrument.channels), setup.detectors, strict=True))
        self.stray = [stray_profile(level, beam, pattern, defects.stray_structure) for _, level in levels]
        self.profiles = [empty_profile(*levels[c], beam, stray) for c, stray in enumerate(self.stray)]
        self.delays_ticks = [channel.delay_s * instrument.sample_rate_hz for channel in instrument.channels]
        forward = instrument.columns(Role.TRANSMISSION)
        self.slits = {c: optics.slits[min(i, len(optics.slits) - 1)] for i, c in enumerate(forward)}
        """The slit of every transmission channel; the last one serves those that are left."""

    def stretches(self, first_tick: int, n: int) -> list[Stretch]:
        """Return the scans that the `n` samples from `first_tick` on touch, for each channel."""
        found: dict[float, Stretch] = {}
        for delay in self.delays_ticks:
            if delay not in found:
                periods = self.clock.periods(math.floor(first_tick - delay), n + 1)
                found[delay] = Stretch(first_tick, delay, periods.first, periods.starts, self.clock.period_ticks)
        return [found[delay] for delay in self.delays_ticks]

    def empty(self, first_tick: int, light: Floats) -> None:
        """Fill the light of an empty stream: the beam on transmission, stray light on the side, and markers."""
        for c, stretch in enumerate(self.stretches(first_tick, light.shape[0])):
            fill_light(light, c, stretch, self.profiles[c])

    def shadow(self, arrival: Arrival) -> LightSheetShadow:
        """Render what the cell sends through every pinhole, and its transmission image at every slit."""
        scatter: Floats | None = None
        pictures: list[Floats | None] = []
        for c, channel in enumerate(self.setup.instrument.channels):
            picture: Floats | None = None
            if channel.role is Role.TRANSMISSION:
                picture = self._dimmed(arrival, self.slits[c], grid_px(arrival, self.optics.scan.height_um))
            elif channel.role is Role.SIDE_SCATTER:
                scatter = self._scatter(arrival) if scatter is None else scatter
                picture = scatter
            elif channel.role is Role.FLUORESCENCE and arrival.specimen.fluorophores.size:
                picture = self._blurred(arrival, arrival.specimen.fluorophores, channel.wavelength_nm)
            pictures.append(picture)
        return LightSheetShadow(self, arrival, tuple(pictures), reach_um(arrival))

    def transmission(self, arrival: Arrival, slit: Slit | None = None) -> Floats:
        """Transmission image (z, y) as a slit (None: the first) and the sheet see it, centred on the scan.

        Square, and at least `GRID_PX` wide.
        """
        n = max(GRID_PX, grid_px(arrival, self.optics.scan.height_um))
        return self._dimmed(arrival, slit or self.optics.slits[0], n)

    def _dimmed(self, arrival: Arrival, slit: Slit, n: int) -> Floats:
        optics = self.optics
        field = arrival.specimen.field(View((0, 1, 2), (arrival.z_um, 0.0), n, PIXEL_UM, optics.wavelength_nm))
        defocus_um = self.setup.sheet.defocus_um + arrival.x_um
        image = brightfield(
            field, optics.wavelength_nm, optics.forward_aperture, optics.medium_index, defocus_um, PIXEL_UM
        )
        return _through_slit(image, sheet_sigma_um(optics, arrival.x_um), slit.width_um)

    def _scatter(self, arrival: Arrival) -> Floats:
        if self.level is not ImageLevel.L1:
            return self._blurred(arrival, arrival.specimen.scatterers, None)
        # Imported here: the lower levels are used all the time, and this one on few machines.
        from simulator.optics.born import born_scatter

        place = (arrival.z_um, 0.0, arrival.x_um)
        n = grid_px(arrival, self.optics.scan.height_um)
        return born_scatter(arrival.specimen, place, self.columns_um, self.optics, n, PIXEL_UM)

    def _blurred(self, arrival: Arrival, points: Floats, wavelength_nm: float | None) -> Floats:
        placed = points + np.array([arrival.z_um, 0.0, arrival.x_um, 0.0], dtype=np.float32)
        n = grid_px(arrival, self.optics.scan.height_um)
        return blurred_scatter(placed, self.columns_um, self.optics, n, PIXEL_UM, wavelength_nm)


@dataclass(frozen=True)
class LightSheetShadow:
    """One cell as the light sheet sees it; see `simulator.optics.forward.Shadow`.

    Attributes
    ----------
    pictures
        For each channel what the cell does to it: a transmission image (z, y), what every pinhole sees `(pinholes,
        z, y)` as from `blurred_scatter`, or None.
    reach_um
        How far from its centre.
    """

    model: LightSheetModel
    arrival: Arrival
    pictures: tuple[Floats | None, ...]
    reach_um: float

    @cached_property
    def _span_ticks(self) -> tuple[int, int]:
        """First sample that it touches, and the one after the last."""
        model = self.model
        places = [*model.pinholes[:, 0].tolist(), *(slit.y_um for slit in model.optics.slits)]
        first = self.arrival.tick + (min(places) - self.reach_um) / self._um_per_tick + min(model.delays_ticks)
        last = self.arrival.tick + (max(places) + self.reach_um) / self._um_per_tick + max(model.delays_ticks)
        return math.floor(first), math.ceil(last)

    @property
    def _um_per_tick(self) -> float:
        return self.arrival.speed_m_s * 1e6 / self.model.setup.instrument.sample_rate_hz

    @property
    def first_tick(self) -> int:
        """First sample that it touches."""
        return self._span_ticks[0]

    @property
    def end_tick(self) -> int:
        """Sample after the last that it touches."""
        return self._span_ticks[1]

    def ideal(self) -> dict[str, Picture]:
        """Return transmission as it is, and what the pinholes see summed over them; see `Shadow`."""
        channels = self.model.setup.instrument.channels
        return {
            channel.name: Picture(drawn if drawn.ndim == 2 else drawn.sum(axis=0), PIXEL_UM, "z", "y")
            for channel, drawn in zip(channels, self.pictures, strict=True)
            if drawn is not None
        }

    def lay(self, first_tick: int, light: Floats) -> None:
        """Dim the transmission and light up the side channels of `(n, channels)` samples."""
        model = self.model
        start = max(0, self.first_tick - first_tick)
        stop = min(light.shape[0], self.end_tick - first_tick)
        if start >= stop:
            return
        transit = Transit(self.arrival.tick, self._um_per_tick, self.arrival.z_um, self.reach_um, PIXEL_UM)
        part = light[start:stop]
        for c, stretch in enumerate(model.stretches(first_tick + start, stop - start)):
            picture = self.pictures[c]
            if picture is None:
                continue
            if c in model.slits:
                slit_y_um = model.slits[c].y_um
                lay_forward(part, c, stretch, model.sweep, transit, picture, slit_y_um, model.stray[c])
            else:
                lay_side(part, c, stretch, model.sweep, transit, picture, model.side_paths[c])


def reach_um(arrival: Arrival) -> float:
    """Distance from a specimen's centre beyond which its light does not matter."""
    specimen = arrival.specimen
    parts = [points[:, :2] for points in (specimen.scatterers, specimen.fluorophores) if points.size]
    farthest = max((float(np.abs(part).max()) for part in parts), default=0.0)
    largest_um = GRID_SIZES_PX[-1] * PIXEL_UM / 2
    return min(max(0.75 * specimen.diameter_um, farthest) + _BLUR_UM, largest_um)


def grid_px(arrival: Arrival, scan_height_um: float) -> int:
    """Edge of the picture that holds a specimen along the flow, and as much of it as the scan sees."""
    reach = reach_um(arrival)
    # What lies beyond the ends of the scan, fly-back included, is seen by nobody.
    along_scan = min(abs(arrival.z_um) + reach, 0.6 * scan_height_um)
    needed = 2 * max(reach, along_scan) / PIXEL_UM + 1
    return next((n for n in GRID_SIZES_PX if n >= needed), GRID_SIZES_PX[-1])


def _through_slit(image: Floats, sheet_sigma_um: float, slit_um: float) -> Floats:
    """Blur an image (z, y), 1 where empty, by the sheet's thickness and the slit's width."""
    along_z = np.fft.fftfreq(image.shape[0], PIXEL_UM)
    along_y = np.fft.rfftfreq(image.shape[1], PIXEL_UM)
    sheet = np.exp(-2 * (np.pi * sheet_sigma_um * along_z) ** 2).astype(np.float32)
    slit = np.sinc(slit_um * along_y).astype(np.float32)
    spectrum = np.fft.rfft2(image - np.float32(1.0)) * sheet[:, None] * slit[None, :]
    return np.asarray(np.fft.irfft2(spectrum, s=image.shape) + 1.0, dtype=np.float32)
