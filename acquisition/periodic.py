"""The detector engine: finds events in a stream whose period is a scan or a line.

Both instruments repeat a short period: a scan of the light sheet, a line of the time stretch. Detection is the same
for both: measure the clock and the empty background, score every period against the background, and cut a window
around each trigger. What differs stands in `DetectionSettings`.

The stream is taken in frames of whole periods, counted from the first sample of each gapless stretch, so that the
events do not depend on how the samples were cut into blocks.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt

from acquisition.block import UNKNOWN_LOSS, Block, Samples, column
from acquisition.calibration import Calibration, calibrate
from acquisition.clock import PhaseLoop, phase_error
from acquisition.event import ClockState, Event, EventFlag
from acquisition.folding import Floats
from acquisition.instrument import Instrument
from acquisition.settings import DetectionSettings
from acquisition.stream_buffer import StreamBuffer
from acquisition.triggers import TriggerFinder
from acquisition.windows import WindowCutter


class PeriodicDetector:
    """Streaming detection for one instrument; see `acquisition.detection.Detector` for the contract.

    A gap of known size keeps clock and background; one of unknown size, or a new epoch, has them measured again.
    """

    def __init__(self, instrument: Instrument, settings: DetectionSettings) -> None:
        self.instrument = instrument
        self.settings = settings
        self._next_id = 1
        self._epoch = 0
        self._buffer: StreamBuffer | None = None
        self._calibration: Calibration | None = None
        self._begin_stretch(EventFlag.TRUNCATED)

    @property
    def parameters(self) -> str:
        """Reversible identifier: the kind of instrument and every setting."""
        values = ":".join(f"{key}={value:.9g}" for key, value in asdict(self.settings).items())
        return f"detect-{self.instrument.kind}:{values}"

    @property
    def clock(self) -> ClockState | None:
        """The clock at the newest frame."""
        if self._calibration is None:
            return None
        loop: PhaseLoop = self._calibration.clock
        return ClockState(loop.period_ticks, loop.origin_tick, loop.locked)

    def push(self, block: Block) -> list[Event]:
        """Take a block; return the events whose windows are complete."""
        events: list[Event] = []
        new_clock = block.epoch != self._epoch or block.lost_before == UNKNOWN_LOSS
        if self._buffer is not None and (new_clock or block.first_sample != self._buffer.end_tick):
            events += self._end_stretch(EventFlag.GAP)
            self._begin_stretch(EventFlag.GAP)
        if self._buffer is None:
            self._epoch = block.epoch
            if new_clock:
                self._calibration = None
            self._buffer = StreamBuffer(block.first_sample, block.data.shape[1], block.data.dtype)
            if self._calibration is not None:
                self._calibration.clock.align(block.first_sample)
        self._buffer.append(block.data)
        return events + self._advance(self._buffer)

    def flush(self) -> list[Event]:
        """End the stream; windows that could not be completed are flagged."""
        events = self._end_stretch(EventFlag.TRUNCATED)
        self._begin_stretch(EventFlag.TRUNCATED)
        return events

    def _begin_stretch(self, first_flag: EventFlag) -> None:
        settings = self.settings
        self._period = 0
        self._finder = TriggerFinder(settings.shortest, settings.bridge, limit=4 * settings.longest)
        self._cutter = WindowCutter(settings, self.instrument.digitizer, first_flag)

    def _end_stretch(self, cause: EventFlag) -> list[Event]:
        """Process what is left of a gapless stretch and give out every event it holds."""
        buffer, self._buffer = self._buffer, None
        if buffer is None:
            return []
        events = self._advance(buffer, final=True)
        if self._calibration is not None:
            for trigger in self._finder.flush():
                self._cutter.add(trigger, self._period, self._calibration)
            events += self._numbered(self._cutter.rest(cause, buffer, self._calibration, self._epoch))
        return events

    def _advance(self, buffer: StreamBuffer, final: bool = False) -> list[Event]:
        """Process the whole frames that are there; with `final`, the incomplete one as well."""
        settings = self.settings
        if self._calibration is None:
            held = buffer.end_tick - buffer.first_tick
            enough = math.ceil((settings.calibration + 2) * settings.nominal_period_ticks)
            if held < enough and not (final and held >= settings.fewest * settings.nominal_period_ticks):
                return []
            stretch = buffer.view(buffer.first_tick, buffer.first_tick + enough)
            self._calibration = calibrate(stretch, buffer.first_tick, settings, self.instrument.digitizer)
        clock = self._calibration.clock
        events: list[Event] = []
        while True:
            n_periods = min(settings.frame, int((buffer.end_tick - clock.origin_tick) / clock.period_ticks))
            if n_periods < (1 if final else settings.frame):
                return events
            events += self._process_frame(buffer, self._calibration, n_periods)

    def _process_frame(self, buffer: StreamBuffer, calibration: Calibration, n_periods: int) -> list[Event]:
        settings, clock, noise = self.settings, calibration.clock, calibration.noise
        first_tick = math.ceil(clock.origin_tick)
        samples = buffer.view(first_tick, math.ceil(clock.origin_tick + n_periods * clock.period_ticks))
        scores = calibration.score(settings, column(samples, settings.score_channel), first_tick, n_periods)
        off = noise.median + settings.off_sigma * noise.sigma
        on = noise.median + settings.on_sigma * noise.sigma
        quiet = scores <= off
        for trigger in self._finder.push(self._period, scores, noise.median, on, off):
            self._cutter.add(trigger, self._period, calibration)
            quiet[max(0, trigger.start - self._period) : max(0, trigger.stop - self._period)] = False
        if self._finder.open_since is not None:
            quiet[max(0, self._finder.open_since - self._period) :] = False
        if self._period // settings.frame % settings.learn_every == 0:
            self._learn(samples, first_tick, calibration, quiet, scores)
        self._period += n_periods
        clock.advance(n_periods)
        frontier = self._period if self._finder.open_since is None else self._finder.open_since
        events = self._numbered(self._cutter.complete(frontier, buffer, calibration, self._epoch))
        oldest = min(frontier, self._cutter.oldest)
        keep = oldest - self._period - settings.window_before - 4 * settings.longest
        buffer.trim(math.floor(clock.origin_tick + keep * clock.period_ticks))
        return events

    def _learn(
        self,
        samples: Samples,
        first_tick: int,
        calibration: Calibration,
        quiet: npt.NDArray[np.bool_],
        scores: Floats,
    ) -> None:
        """Let clock, background and noise follow the quiet periods of a frame."""
        settings, background, clock = self.settings, calibration.background, calibration.clock
        n_quiet = int(quiet.sum())
        if n_quiet < max(4, quiet.size // 4):
            return
        s = settings.score_channel
        mean, place, counts = background.fold(samples, first_tick, clock, quiet)
        error = phase_error(mean[s], place, counts, background.level[s], background.place, clock.period_ticks)
        background.follow(mean, counts, n_quiet, [s])
        background.follow_place(place, counts, n_quiet)
        dark = self._period > self._cutter.last_centre + settings.signal_after
        if dark and n_quiet == quiet.size:
            background.follow(mean, counts, n_quiet, [c for c in range(mean.shape[0]) if c != s])
        calibration.noise.follow(scores[quiet], gain=0.02)
        clock.correct(error, quiet.size * settings.learn_every)

    def _numbered(self, events: list[Event]) -> list[Event]:
        numbered = [replace(event, event_id=self._next_id + i) for i, event in enumerate(events)]
        self._next_id += len(events)
        return numbered
