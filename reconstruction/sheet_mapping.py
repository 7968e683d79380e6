"""What the kernels of one light sheet need, and the room that they work in."""

from __future__ import annotations

import math
import threading

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.geometry import scan_coefficients
from acquisition.instrument import Instrument
from reconstruction.deposit import FloatImage, Motion
from reconstruction.scan_deposit import Cloth, Place, half_width_px, new_cloth
from reconstruction.sheet_kernels import scan_energy, side_planes, transmission_image
from reconstruction.stacking import new_weave, stack_planes


class SheetMapping:
    """Lays the samples of events on the grid of an instrument (specification A.7, steps 4 to 6).

    May be used from several threads: each has its own room.
    """

    def __init__(self, instrument: Instrument) -> None:
        optics = instrument.light_sheet
        self._instrument = instrument
        self._duty = optics.scan.active_duty
        self._scan = scan_coefficients(optics.scan)
        self._mask_y = np.array(optics.mask.y_um, dtype=np.float64)
        self._weave = new_weave(optics.mask, instrument.grid)
        self._room = threading.local()

    def energy(self, event: Event, efficiency: FloatImage, channel: int) -> npt.NDArray[np.float64]:
        """Mean side light of each whole scan of the window, counts above background, `(n_scans,)`."""
        first_scan, n_scans = whole_scans(event)
        level, place = event.background.level[channel], self._place(event, channel)
        samples = event.window[:, channel]
        return np.asarray(scan_energy(samples, level, efficiency, place, self._duty, first_scan, n_scans))

    def transmission(self, event: Event, channel: int, slit_y_um: float, motion: Motion, image: FloatImage) -> int:
        """Fill an image `(z, y)`, relative to the empty beam; return the pixels that no sample met."""
        return int(
            transmission_image(
                event.window[:, channel],
                event.background.level[channel],
                self._place(event, channel),
                self._scan,
                motion,
                slit_y_um,
                self._instrument.grid.pixel_um,
                self._cloth(event, motion),
                image,
            )
        )

    def planes(self, event: Event, efficiency: FloatImage, channel: int, motion: Motion) -> FloatImage:
        """Return the planes of the pinholes, `(n_pinholes, z, y)`, counts above background at full efficiency.

        They are only good until the next call from this thread.
        """
        n = self._instrument.grid.size_px
        if not hasattr(self._room, "planes"):
            self._room.planes = np.empty((self._mask_y.size, n, n), dtype=np.float32)
        planes: FloatImage = self._room.planes
        side_planes(
            event.window[:, channel],
            event.background.level[channel],
            efficiency,
            self._place(event, channel),
            self._scan,
            motion,
            self._mask_y,
            self._instrument.grid.pixel_um,
            self._cloth(event, motion),
            planes,
        )
        return planes

    def volume(self, event: Event, efficiency: FloatImage, channel: int, motion: Motion, volume: FloatImage) -> None:
        """Fill a volume `(z, y, x)`, counts above background at full efficiency."""
        stack_planes(self.planes(event, efficiency, channel, motion), self._weave, volume)

    def _place(self, event: Event, channel: int) -> Place:
        delay_ticks = self._instrument.channels[channel].delay_s * self._instrument.sample_rate_hz
        return Place(float(event.window_tick), event.clock.origin_tick, event.clock.period_ticks, delay_ticks)

    def _cloth(self, event: Event, motion: Motion) -> Cloth:
        """Return this thread's room, large enough for the cell's speed and the clock's period."""
        period = event.clock.period_ticks
        half = half_width_px(motion.um_per_tick, period, self._instrument.grid.pixel_um)
        known: tuple[float, float, Cloth] | None = getattr(self._room, "cloth", None)
        if known is None or half > known[0] or period > known[1]:
            half, period = 1.2 * half, period + 1.0
            self._room.cloth = known = (half, period, new_cloth(self._instrument.grid.size_px, period, half))
        return known[2]


def whole_scans(event: Event) -> tuple[int, int]:
    """First whole scan of the window, and how many there are."""
    period = event.clock.period_ticks
    first = math.ceil((event.window_tick - event.clock.origin_tick) / period)
    last = math.floor((event.window_tick + event.window.shape[0] - event.clock.origin_tick) / period)
    return first, max(0, last - first)


def deflector_efficiency(level: FloatImage) -> FloatImage:
    """Return the deflector's efficiency by bin from the empty transmission, `(n_bins,)` both; 1 at its best."""
    return np.asarray(np.maximum(level / max(float(level.max()), 1e-6), 0.05), dtype=np.float32)
