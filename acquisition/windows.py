"""Triggers that wait for their windows to be complete, and the cutting of these windows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from acquisition.block import column
from acquisition.bodies import SMALLEST_UM, find_bodies
from acquisition.calibration import Calibration
from acquisition.clipping import copy_counted, ends_of
from acquisition.event import Background, ClockState, Event, EventFlag
from acquisition.folding import PeriodGrid
from acquisition.instrument import Digitizer
from acquisition.settings import DetectionSettings
from acquisition.sightings import Sighting
from acquisition.stream_buffer import StreamBuffer

FEW_CLIPPED = 10
"""Samples at the ends of the converter's range that a window may have beyond twice what the empty stream has. A share
of the window would not do: a cell takes up a tenth of it, and its brightest spots a few hundred samples."""


@dataclass(slots=True)
class _Pending:
    centre: float
    stop: int
    centre_tick: float
    signal_ticks: tuple[float, float]
    duration_ticks: float
    clock: ClockState
    background: Background
    strength: float
    flags: EventFlag
    first_turn: int
    n_periods: int
    neighbours: list[tuple[float, float]] = field(default_factory=list)


class WindowCutter:
    """Turns triggers of one gapless stretch into events.

    Parameters
    ----------
    settings, digitizer
        Of the instrument.
    first_flag
        Flag for windows that would begin before the stretch: GAP or TRUNCATED.
    """

    def __init__(self, settings: DetectionSettings, digitizer: Digitizer, first_flag: EventFlag) -> None:
        self._settings = settings
        self._ends = ends_of(digitizer)
        self._first_flag = first_flag
        self._waiting: list[_Pending] = []
        self._behind: list[_Pending] = []
        """Those that were cut already, and whose light may lie in the window of a trigger to come."""

    @property
    def oldest(self) -> float:
        """Centre of the first trigger that waits, in periods; infinite if none does."""
        return self._waiting[0].centre if self._waiting else math.inf

    @property
    def due(self) -> float:
        """Period that has to be passed for the first window that waits to be complete; infinite if none does."""
        return self._passed_by(self._waiting[0]) if self._waiting else math.inf

    def add(self, sighting: Sighting) -> None:
        """Take a trigger with the state it was seen in."""
        settings, trigger, clock, tick = self._settings, sighting.trigger, sighting.clock, sighting.tick_of
        flags = EventFlag.NONE if clock.locked else EventFlag.UNLOCKED
        if trigger.stop - trigger.start > settings.longest:
            flags |= EventFlag.LONG
        inside = [
            pending for pending in (*self._behind, *self._waiting) if trigger.centre - pending.stop < settings.overlap
        ]
        if inside:
            flags |= EventFlag.OVERLAP
        first = min(trigger.start - settings.bridge, trigger.centre - settings.signal_before)
        last = max(trigger.stop + settings.bridge, trigger.centre + settings.signal_after)
        duration_ticks = (trigger.stop - trigger.start) * clock.period_ticks
        self._waiting.append(
            _Pending(
                centre=trigger.centre,
                stop=trigger.stop,
                centre_tick=tick(trigger.centre),
                signal_ticks=(tick(first), tick(last)),
                duration_ticks=duration_ticks,
                clock=clock,
                background=sighting.background,
                strength=trigger.peak / sighting.sigma,
                flags=flags,
                first_turn=trigger.start - settings.bridge - sighting.frame_period,
                n_periods=trigger.stop - trigger.start + 2 * settings.bridge,
                neighbours=[(pending.centre_tick, pending.duration_ticks) for pending in inside],
            )
        )
        # Windows are cut only when no trigger can touch them: those that this one lies in still wait.
        for pending in self._waiting[:-1]:
            if trigger.start - pending.centre < settings.overlap:
                pending.flags |= EventFlag.OVERLAP
                pending.neighbours.append((tick(trigger.centre), duration_ticks))

    def complete(
        self, frontier: float, buffer: StreamBuffer, calibration: Calibration, epoch: int, next_id: int
    ) -> list[Event]:
        """Cut the windows that no trigger from period `frontier` on can touch; ids count up from `next_id`."""
        done = 0
        for pending in self._waiting:
            if frontier < self._passed_by(pending):
                break
            done += 1
        complete, self._waiting = self._waiting[:done], self._waiting[done:]
        overlap = self._settings.overlap
        self._behind = [pending for pending in (*self._behind, *complete) if frontier < pending.stop + overlap]
        return self._cut(complete, buffer, calibration, epoch, EventFlag.NONE, next_id)

    def forget(self, tick: float) -> None:
        """Take back the triggers from a tick on, which are looked for anew in another stretch."""
        self._waiting, self._behind = (
            [pending for pending in pendings if pending.centre_tick < tick]
            for pendings in (self._waiting, self._behind)
        )
        for pending in self._waiting:
            pending.neighbours = [neighbour for neighbour in pending.neighbours if neighbour[0] < tick]

    def rest(
        self, cause: EventFlag, buffer: StreamBuffer, calibration: Calibration, epoch: int, next_id: int
    ) -> list[Event]:
        """Cut what is left at the end of the stretch; windows that reach beyond it get the flag `cause`."""
        waiting, self._waiting = self._waiting, []
        return self._cut(waiting, buffer, calibration, epoch, cause, next_id)

    def _passed_by(self, pending: _Pending) -> float:
        """Period from which on no trigger can touch a window, whose samples are all there then."""
        return pending.centre + max(self._settings.window_after + 1, self._settings.overlap)

    def _cut(
        self,
        complete: list[_Pending],
        buffer: StreamBuffer,
        calibration: Calibration,
        epoch: int,
        last_flag: EventFlag,
        next_id: int,
    ) -> list[Event]:
        usual = calibration.clipped_share.tolist()
        events: list[Event] = []
        for event_id, pending in enumerate(complete, next_id):
            period = pending.clock.period_ticks
            start = math.floor(pending.centre_tick - self._settings.window_before * period)
            stop = math.ceil(pending.centre_tick + self._settings.window_after * period)
            counts = np.zeros(len(usual), np.int64)
            window = copy_counted(buffer.view(start, stop), self._ends, counts)
            flags = pending.flags
            if self._is_cut(start, pending.signal_ticks[0], buffer.begin_tick, self._first_flag):
                flags |= self._first_flag
            if self._is_cut(-stop, -pending.signal_ticks[1], -buffer.end_tick, last_flag):
                flags |= last_flag
            if self._has_clipped(counts.tolist(), usual, window.shape[0]):
                flags |= EventFlag.CLIPPED
            bodies = self._bodies(pending, buffer)
            if bodies > 1:
                flags |= EventFlag.OVERLAP
            events.append(
                Event(
                    event_id=event_id,
                    epoch=epoch,
                    trigger_tick=pending.centre_tick,
                    duration_ticks=pending.duration_ticks,
                    window_tick=max(start, buffer.begin_tick),
                    window=window,
                    clock=pending.clock,
                    background=pending.background,
                    strength=pending.strength,
                    flags=flags,
                    bodies=bodies,
                    neighbours=tuple(pending.neighbours),
                )
            )
        return events

    @staticmethod
    def _has_clipped(counts: list[int], usual: list[float], n_samples: int) -> bool:
        # Asked first, as it settles nearly every window.
        return max(counts) > FEW_CLIPPED and any(
            count > 2 * n_samples * share + FEW_CLIPPED for count, share in zip(counts, usual, strict=True)
        )

    @staticmethod
    def _is_cut(window_tick: float, signal_tick: float, end_tick: float, cause: EventFlag) -> bool:
        """Tell whether a stretch begins too late: for the light where the stream began, for the window after a loss."""
        return (signal_tick if cause is EventFlag.TRUNCATED else window_tick) < end_tick

    def _bodies(self, pending: _Pending, buffer: StreamBuffer) -> int:
        """Count the bodies in the trigger itself; the rest of the window belongs to other triggers."""
        settings, clock = self._settings, pending.clock
        if (pending.n_periods - 2 * settings.bridge) * settings.step_um < SMALLEST_UM:
            return 0
        # Scans that run back and forth are told apart by their number from the clock's origin.
        odd = pending.first_turn % 2 if settings.runs_back else 0
        first, n_periods = pending.first_turn - odd, pending.n_periods + odd
        begin = clock.origin_tick + first * clock.period_ticks
        start = max(math.ceil(begin), buffer.begin_tick)
        held = buffer.view(start, math.ceil(begin + n_periods * clock.period_ticks))
        watched = column(held, settings.score_channel)
        grid = PeriodGrid(start, begin, clock.period_ticks)
        return len(find_bodies(watched, grid, n_periods, pending.background, settings))
