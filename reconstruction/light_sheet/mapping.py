"""What the kernels of one light sheet need, and the room that they work in."""

from __future__ import annotations

import math
import threading

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import Instrument, Role
from reconstruction.lanes import LANES
from reconstruction.light_sheet.kernels import (
    Grid,
    Room,
    lines_needed,
    scan_energy,
    side_planes,
    transmission_image,
)
from reconstruction.light_sheet.scan_lines import ScanClock
from reconstruction.light_sheet.stacking import SLICES, stack_planes
from reconstruction.light_sheet.tables import SheetTables, new_sheet_tables, table_period
from reconstruction.motion import FloatImage, Motion

MOST_TABLES = 8
"""Kept at a time; a clock that drifts on leaves old ones behind."""
SLOWEST = 0.5
"""Cells slower than this share of the nominal speed need more room."""


class SheetMapping:
    """Resamples events on the grid of an instrument (specification A.7, steps 4 to 6).

    Along each axis the image is the best linear estimate from the samples about a pixel (`reconstruction.kriging`).
    May be used from several threads: each has its own room.
    """

    def __init__(self, instrument: Instrument) -> None:
        optics = instrument.light_sheet
        self._instrument = instrument
        self._duty = optics.scan.active_duty
        self._mask_y = np.array(optics.mask.y_um, dtype=np.float64)
        self._places = np.argsort(np.argsort(optics.mask.x_um, kind="stable"), kind="stable").astype(np.int64)
        self._grid = Grid(instrument.grid.size_px, instrument.grid.pixel_um)
        forward = instrument.columns(Role.TRANSMISSION)[0]
        self._forward_delay = self._delay(forward)
        self._tables: dict[float, SheetTables] = {}
        self._room = threading.local()

    def energy(self, event: Event, efficiency: FloatImage, channel: int) -> npt.NDArray[np.float64]:
        """Mean side light of each whole scan of the window, counts above background, `(n_scans,)`."""
        first_scan, n_scans = whole_scans(event)
        level, samples = event.background.level[channel], event.window[:, channel]
        clock = self._clock(event, channel)
        return np.asarray(
            scan_energy(samples, level, efficiency, clock, self._forward_delay, self._duty, first_scan, n_scans)
        )

    def transmission(self, event: Event, channel: int, slit_y_um: float, motion: Motion, image: FloatImage) -> int:
        """Fill an image `(z, y)`, relative to the empty beam; return the pixels that no sample met."""
        tables = self._tables_for(event)
        return int(
            transmission_image(
                event.window[:, channel],
                event.background.level[channel],
                self._clock(event, channel),
                self._in_window(event, motion),
                slit_y_um,
                tables.forward,
                self._grid,
                tables.unseen,
                self._work_room(event, motion, tables),
                image,
            )
        )

    def planes(self, event: Event, efficiency: FloatImage, channel: int, motion: Motion) -> FloatImage:
        """Return the planes of the pinholes in the order of their x, `(n_pinholes or LANES, y, z)`.

        Counts above background at full efficiency. They are only good until the next call from this thread.
        """
        n = self._grid.n_px
        if not hasattr(self._room, "planes"):
            # Planes are turned by `LANES`; empty ones make up for a mask of fewer pinholes.
            self._room.planes = np.zeros((max(self._mask_y.size, LANES), n, n), dtype=np.float32)
        planes: FloatImage = self._room.planes
        tables = self._tables_for(event)
        side_planes(
            event.window[:, channel],
            event.background.level[channel],
            efficiency,
            self._clock(event, channel),
            self._forward_delay,
            self._in_window(event, motion),
            self._mask_y,
            self._places,
            tables.side,
            self._grid,
            self._work_room(event, motion, tables),
            planes,
        )
        return planes

    def side(
        self, event: Event, efficiency: FloatImage, channel: int, motion: Motion,
        flat: FloatImage | None, volume: FloatImage | None,
    ) -> None:  # fmt: skip
        """Fill what is wanted of a side channel.

        Parameters
        ----------
        flat
            `(z, y)`: 1 plus the signed root of the counts summed over all pinholes, as a camera would see.
        volume
            `(z, y, x)`, counts above background at full efficiency.
        """
        planes = self.planes(event, efficiency, channel, motion)
        if flat is not None:
            light = planes.sum(axis=0).T
            flat[...] = 1 + np.sign(light) * np.sqrt(np.abs(light))
        if volume is None:
            return
        if not hasattr(self._room, "tile"):
            self._room.tile = np.empty((SLICES, planes.shape[1], planes.shape[0]), dtype=np.float32)
        stack_planes(planes, self._tables_for(event).weave, self._room.tile, volume)

    def _delay(self, channel: int) -> float:
        return self._instrument.channels[channel].delay_s * self._instrument.sample_rate_hz

    def _clock(self, event: Event, channel: int) -> ScanClock:
        clock = event.clock
        return ScanClock(clock.origin_tick - event.window_tick, clock.period_ticks, self._delay(channel))

    def _in_window(self, event: Event, motion: Motion) -> Motion:
        return Motion(motion.start_tick - event.window_tick, motion.um_per_tick)

    def _tables_for(self, event: Event) -> SheetTables:
        """Return the tables for the event's clock."""
        period = table_period(self._instrument, event.clock.period_ticks)
        known = self._tables.get(period)
        if known is None:
            if len(self._tables) >= MOST_TABLES:
                self._tables = {}
            self._tables[period] = known = new_sheet_tables(self._instrument, period)
        return known

    def _work_room(self, event: Event, motion: Motion, tables: SheetTables) -> Room:
        """Return this thread's room, large enough for the cell's speed and the clock's period."""
        n_px = self._grid.n_px
        um_per_scan = motion.um_per_tick * event.clock.period_ticks
        span = max(tables.side.rows.span, tables.forward.rows.span)
        samples, lines = math.ceil(event.clock.period_ticks) + span + 2, lines_needed(self._grid, um_per_scan)
        room: Room | None = getattr(self._room, "work", None)
        if room is None or room.values.size < samples or room.met.size < lines:
            lines = max(lines, lines_needed(self._grid, SLOWEST * um_per_scan))
            room = Room(
                np.zeros(samples + 8, np.float32),
                np.zeros((lines, n_px), np.float32),
                np.zeros(lines, np.bool_),
                np.zeros((n_px, n_px), np.float32),
            )
            self._room.work = room
        return room


def whole_scans(event: Event) -> tuple[int, int]:
    """First whole scan of the window, and how many there are."""
    period = event.clock.period_ticks
    first = math.ceil((event.window_tick - event.clock.origin_tick) / period)
    last = math.floor((event.window_tick + event.window.shape[0] - event.clock.origin_tick) / period)
    return first, max(0, last - first)


def deflector_efficiency(level: FloatImage) -> FloatImage:
    """Return the deflector's efficiency by bin from the empty transmission, `(n_bins,)` both; 1 at its best."""
    return np.asarray(np.maximum(level / max(float(level.max()), 1e-6), 0.05), dtype=np.float32)
