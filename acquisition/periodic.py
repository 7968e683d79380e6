"""The detector engine: finds events in a stream whose period is a scan or a line.

Both instruments repeat a short period: a scan of the light sheet, a line of the time stretch. Detection is the same
for both: measure the clock and the empty background, score every period against the background, and cut a window
around each trigger. What differs stands in `DetectionSettings`; what is done to every sample stands in `walk`.

The stream is taken in frames of whole periods, counted from the first sample of each gapless stretch, so that the
events do not depend on how the samples were cut into blocks.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

from acquisition.background import watched_channel
from acquisition.block import UNKNOWN_LOSS, Block, Samples
from acquisition.calibration import Calibration, calibrate
from acquisition.event import Background, ClockState, Event, EventFlag
from acquisition.instrument import Instrument
from acquisition.judgement import Remembered
from acquisition.relock import BARELY_ALIKE, Place, find_place, take_place
from acquisition.settings import DetectionSettings
from acquisition.sightings import note_sightings, take_sightings
from acquisition.stream_buffer import StreamBuffer
from acquisition.templates import MARGIN_TICKS
from acquisition.triggers import TriggerFinder
from acquisition.walk import Progress, Rules, Step, new_progress, walk, whole_periods
from acquisition.windows import WindowCutter

SLIP_TICKS = 0.75
"""A clock found this far from where it was has slipped."""
PATIENCE = 8
"""Vain looks for a slip after which the empty stream has changed, and is measured again."""


@dataclass(slots=True)
class _Stretch:
    """Samples without a gap, and how far detection has come in them."""

    buffer: StreamBuffer
    finder: TriggerFinder
    cutter: WindowCutter
    seeking: bool
    """True until a clock known from before is found again."""
    turning: bool
    """True if it is not known how many samples are missing before this stretch."""
    places: list[Place] = field(default_factory=list)
    progress: Progress | None = None
    lost_at: float = -math.inf
    vain: int = 0


class PeriodicDetector:
    """Streaming detection for one instrument; see `acquisition.detection.Detector` for the contract.

    After a gap the clock is found again on a few periods; where it is not, clock and background are measured anew.
    A clock that slips within a stretch, because samples went missing unsaid, ends the stretch there: events at the
    slip are UNLOCKED.
    """

    def __init__(self, instrument: Instrument, settings: DetectionSettings) -> None:
        self.instrument = instrument
        self.settings = settings
        self._next_id = 1
        self._epoch = 0
        self._stretch: _Stretch | None = None
        self._first_flag = EventFlag.TRUNCATED
        self._calibration: Calibration | None = None
        self._remembered = Remembered()

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
        loop = self._calibration.clock
        return ClockState(loop.period_ticks, loop.origin_tick, loop.locked)

    @property
    def background(self) -> Background | None:
        """What an empty period looks like at the newest frame."""
        return None if self._calibration is None else self._calibration.background.snapshot()

    @property
    def jitters(self) -> bool:
        """True where periods jitter so much about the clock that each is scored at a shift of its own."""
        return self._calibration is not None and self._calibration.shifting

    def push(self, block: Block) -> list[Event]:
        """Take a block; return the events whose windows are complete."""
        events: list[Event] = []
        self._remembered.learn(block)
        new_clock = block.epoch != self._epoch or block.lost_before == UNKNOWN_LOSS
        stretch = self._stretch
        if stretch is not None and (new_clock or block.first_sample != stretch.buffer.end_tick):
            events += self._end_stretch(EventFlag.GAP)
            stretch = None
        if stretch is None:
            self._epoch = block.epoch
            buffer = StreamBuffer(block.first_sample, block.data.shape[1], block.data.dtype)
            stretch = self._begin_stretch(buffer, self._first_flag, turning=new_clock)
        stretch.buffer.append(block.data, block.borrowed)
        return events + self._advance(final=False)

    def flush(self) -> list[Event]:
        """End the stream; windows that could not be completed are flagged."""
        events = self._end_stretch(EventFlag.TRUNCATED)
        self._first_flag = EventFlag.TRUNCATED
        return events

    def _begin_stretch(self, buffer: StreamBuffer, first_flag: EventFlag, turning: bool) -> _Stretch:
        settings = self.settings
        self._stretch = _Stretch(
            buffer=buffer,
            finder=TriggerFinder(settings.shortest, settings.bridge, 4 * settings.longest, settings.frame),
            cutter=WindowCutter(settings, self.instrument.digitizer, first_flag),
            seeking=self._calibration is not None,
            turning=turning,
        )
        return self._stretch

    def _end_stretch(self, cause: EventFlag) -> list[Event]:
        """Process what is left of a gapless stretch and give out every event it holds."""
        if self._stretch is None:
            return []
        events = self._advance(final=True)
        stretch, self._stretch, self._first_flag = self._stretch, None, EventFlag.GAP
        if self._calibration is not None and stretch.progress is not None:
            stretch.finder.flush()
            periods = stretch.progress.periods
            note_sightings(stretch.progress.sightings, stretch.finder.state, self._calibration.model, periods[0])
            self._add_triggers(stretch, self._calibration)
            rest = stretch.cutter.rest(cause, stretch.buffer, self._calibration, self._epoch, self._next_id)
            events += self._judged(rest)
        return events

    def _advance(self, final: bool) -> list[Event]:
        """Process the whole frames that are there; with `final`, the incomplete one as well."""
        events: list[Event] = []
        while (stretch := self._stretch) is not None:
            if not self._ready(stretch, final) or self._calibration is None:
                return events
            step = self._walk_on(stretch, self._calibration, final)
            self._add_triggers(stretch, self._calibration)
            if step is Step.MORE and not final:
                self._look_ahead(stretch, self._calibration)
            events += self._give_out(stretch, self._calibration)
            if step is Step.LOST:
                events += self._look_for_slip(stretch, self._calibration)
            if step is Step.MORE:
                break
        return events

    def _ready(self, stretch: _Stretch, final: bool) -> bool:
        """Measure, or find again, clock and background at the start of a stretch; False if that takes more samples."""
        if self._calibration is not None and stretch.seeking and not self._seek(stretch, self._calibration, final):
            return False
        if self._calibration is None:
            self._calibration = self._calibrate(stretch, final)
        if self._calibration is None:
            return False
        if stretch.progress is None:
            n_channels, n_bins = self._calibration.model.level.shape
            stretch.progress = new_progress(self.settings.frame, (n_channels, n_bins))
        return True

    def _calibrate(self, stretch: _Stretch, final: bool) -> Calibration | None:
        settings, buffer = self.settings, stretch.buffer
        held = buffer.end_tick - buffer.first_tick
        enough = math.ceil((settings.calibration + 2) * settings.nominal_period_ticks)
        if held < enough and not (final and held >= settings.fewest * settings.nominal_period_ticks):
            return None
        samples = buffer.view(buffer.first_tick, buffer.first_tick + enough)
        return calibrate(samples, buffer.first_tick, settings, self.instrument.digitizer)

    def _seek(self, stretch: _Stretch, calibration: Calibration, final: bool) -> bool:
        """Find the clock again, a few periods at a time; without success, forget it. False if samples are missing."""
        settings, buffer, clock = self.settings, stretch.buffer, calibration.clock
        while stretch.seeking:
            first = buffer.first_tick + math.floor(len(stretch.places) * settings.relock * clock.period_ticks)
            stop = first + math.ceil((settings.relock + 1) * clock.period_ticks) + MARGIN_TICKS
            if stop > buffer.end_tick and not final:
                return False
            samples = buffer.view(first, stop)
            clock.align(first)
            if whole_periods(watched_channel(samples, 0, first), clock.state, settings.relock) > 0:
                place = find_place(samples, first, calibration, settings, stretch.turning)
                stretch.places.append(place)
                if not (place.is_sure or final or len(stretch.places) >= settings.relock_turns):
                    continue
            best = max(stretch.places, key=lambda place: (place.quiet, place.alike), default=None)
            stretch.seeking = False
            if best is None:
                clock.align(buffer.first_tick)
            elif best.quiet or best.alike >= BARELY_ALIKE:
                take_place(best, calibration, buffer.first_tick, settings)
            else:
                self._calibration = None
        return True

    def _walk_on(self, stretch: _Stretch, calibration: Calibration, final: bool) -> Step:
        """Walk until there is something to be done, wherever the samples lie in memory."""
        assert stretch.progress is not None
        settings, buffer, clock = self.settings, stretch.buffer, calibration.clock
        while True:
            first = math.ceil(clock.origin_tick)
            frame_end = math.ceil(clock.origin_tick + settings.frame * clock.period_ticks) + MARGIN_TICKS + 1
            samples, last = buffer.piece(first), False
            if first + samples.shape[0] < frame_end:
                last = final and frame_end > buffer.end_tick
                if not last and frame_end > buffer.end_tick:
                    return Step.MORE
                samples = buffer.view(first, frame_end)
            step = self._walked(stretch, calibration, samples, last=last)
            if step is not Step.MORE or last:
                return step

    def _look_ahead(self, stretch: _Stretch, calibration: Calibration) -> None:
        """Search what is there of the next frame, where a window may end in it."""
        assert stretch.progress is not None
        settings, buffer, clock = self.settings, stretch.buffer, calibration.clock
        first, begun = math.ceil(clock.origin_tick), stretch.progress.periods[0]
        last = begun + (buffer.end_tick - first) / clock.period_ticks
        if stretch.finder.open_since is None and stretch.cutter.due > last:
            return
        samples = buffer.view(first, math.ceil(clock.origin_tick + settings.frame * clock.period_ticks) + MARGIN_TICKS)
        self._walked(stretch, calibration, samples, ahead=True)
        self._add_triggers(stretch, calibration)

    def _walked(
        self, stretch: _Stretch, calibration: Calibration, samples: Samples, *, last: bool = False, ahead: bool = False
    ) -> Step:
        """Walk samples that begin where the clock stands; see `walk`."""
        assert stretch.progress is not None
        settings = self.settings
        return Step(
            walk(
                watched_channel(samples, settings.score_channel, math.ceil(calibration.clock.origin_tick)),
                calibration.model,
                calibration.templates,
                calibration.steps,
                calibration.followed,
                stretch.finder.state,
                stretch.progress,
                Rules.of(settings, calibration.span),
                last,
                ahead,
            )
        )

    def _add_triggers(self, stretch: _Stretch, calibration: Calibration) -> None:
        assert stretch.progress is not None
        for sighting in take_sightings(stretch.progress.sightings, calibration.model):
            stretch.cutter.add(sighting)

    def _give_out(self, stretch: _Stretch, calibration: Calibration) -> list[Event]:
        """Cut the windows that are complete, and forget samples that no window can need any more."""
        assert stretch.progress is not None
        settings, clock = self.settings, calibration.clock
        passed, ahead = int(stretch.progress.periods[0]), int(stretch.progress.periods[3])
        open_since = stretch.finder.open_since
        frontier = passed + ahead if open_since is None else open_since
        cut = stretch.cutter.complete(frontier, stretch.buffer, calibration, self._epoch, self._next_id)
        events = self._judged(cut)
        oldest = min(passed, frontier, stretch.cutter.oldest)
        keep = oldest - passed - settings.window_before - 4 * settings.longest
        stretch.buffer.trim(math.floor(clock.origin_tick + keep * clock.period_ticks))
        return events

    def _look_for_slip(self, stretch: _Stretch, calibration: Calibration) -> list[Event]:
        """Where nothing was quiet for long: end the stretch at the slip, if it is one."""
        assert stretch.progress is not None
        settings, clock, progress = self.settings, calibration.clock, stretch.progress
        passed = progress.periods[0]
        stretch.vain = stretch.vain + 1 if passed - stretch.lost_at <= settings.lost + settings.frame else 1
        stretch.lost_at = passed
        since = stretch.finder.open_since
        loud = min(passed - progress.periods[1], passed if since is None else since)
        progress.periods[1] = 0.0
        slip_tick = math.floor(clock.origin_tick - (passed - loud) * clock.period_ticks)
        if not self._has_slipped(stretch, calibration):
            if stretch.vain < PATIENCE:
                return []
            self._calibration, slip_tick = None, math.floor(clock.origin_tick)
        elif slip_tick <= stretch.buffer.first_tick + clock.period_ticks:
            return []
        rest = stretch.buffer.split(max(slip_tick, stretch.buffer.begin_tick))
        stretch.cutter.forget(slip_tick)
        cut = stretch.cutter.rest(EventFlag.UNLOCKED, stretch.buffer, calibration, self._epoch, self._next_id)
        events = self._judged(cut)
        self._begin_stretch(rest, EventFlag.UNLOCKED, turning=True)
        return events

    def _has_slipped(self, stretch: _Stretch, calibration: Calibration) -> bool:
        clock, settings = calibration.clock, self.settings
        now = clock.origin_tick
        first = math.ceil(now - settings.relock * clock.period_ticks)
        samples = stretch.buffer.view(first, math.ceil(now) + MARGIN_TICKS + 1)
        clock.align(first)
        place = find_place(samples, first, calibration, settings, turning=True)
        clock.origin_tick = now
        moved = (place.shift_ticks + 0.5 * clock.period_ticks) % clock.period_ticks - 0.5 * clock.period_ticks
        # Nothing less than empty periods will do: what passes may resemble the empty period elsewhere.
        return place.quiet and (abs(moved) >= SLIP_TICKS or place.turn != 0)

    def _judged(self, events: list[Event]) -> list[Event]:
        """Count events that were cut, and return them as they were judged if they are known from before."""
        self._next_id += len(events)
        return self._remembered.judged(events)
