"""What is in a recording: its channels, gaps, clock and events, from one pass over its samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.channel_statistics import ChannelStatistics
from acquisition.detection import detector_for
from acquisition.errors import ConfigError
from acquisition.event import ClockState, Event, EventFlag
from acquisition.file_kind import guess_url
from acquisition.instrument import Instrument
from acquisition.sketch import Sketch
from acquisition.source import Source, blocks, open_source, split_url
from acquisition.trace_layout import TRACE_FORMAT
from acquisition.trace_report import ClockReport, EventReport, GapReport, TraceReport

MOST_GAPS_LISTED = 1000

Progress = Callable[[int, int], None]
"""Called with the samples done and the samples in all."""


def inspect_trace(url_or_path: str, progress: Progress | None = None, sketch: Sketch | None = None) -> TraceReport:
    """Look at a whole recording and say what is in it.

    Parameters
    ----------
    url_or_path
        Path of a trace file or an ATOM record, or the URL of any finite source.
    progress
        Called after every block.
    sketch
        Takes, on the way, what a drawing of the recording needs.

    Raises
    ------
    ConfigError
        If the source is endless, or its URL does not make sense.
    TraceError
        If a recording cannot be read.
    """
    url = recording_url(url_or_path)
    with open_source(url) as source:
        return inspect_source(source, _format_of(url), progress, sketch)


def recording_url(url_or_path: str) -> str:
    """Return the URL to open; a path is looked into to tell trace files from ATOM records."""
    scheme, path, query = split_url(url_or_path)
    plain = scheme == "file" and not query and path == url_or_path
    return guess_url(url_or_path) if plain or Path(url_or_path).is_file() else url_or_path


def inspect_source(
    source: Source, format_name: str, progress: Progress | None = None, sketch: Sketch | None = None
) -> TraceReport:
    """Report on a source that is open and not started; it is left stopped.

    Raises
    ------
    ConfigError
        If the source is endless.
    """
    total = source.total_samples
    if total is None or not source.waits:
        raise ConfigError("Only a recording can be inspected; this source has no end.")
    if sketch is not None:
        sketch.begin(source.instrument, total)
    inspection = _Inspection(source.instrument, sketch)
    for block in blocks(source):
        inspection.add(block)
        if progress is not None:
            progress(inspection.samples, total)
    return inspection.report(source, format_name)


class _Inspection:
    """What one pass over the blocks has found so far."""

    def __init__(self, instrument: Instrument, sketch: Sketch | None) -> None:
        self.samples = 0
        self._sketch = sketch
        self._instrument = instrument
        self._statistics = ChannelStatistics(instrument)
        self._detector = detector_for(instrument)
        self._clock: ClockState | None = None
        self._jitters = False
        self._epochs: set[int] = set()
        self._gaps: list[GapReport] = []
        self._losses: list[int] = []
        self._omitted = 0
        self._event_count = 0
        self._flags: dict[str, int] = {}

    def add(self, block: Block) -> None:
        """Take a block into account."""
        self.samples += block.n_samples
        self._epochs.add(block.epoch)
        self._omitted += block.omitted_before
        self._statistics.add(block)
        if block.lost_before:
            self._losses.append(block.lost_before)
            if len(self._gaps) < MOST_GAPS_LISTED:
                self._gaps.append(GapReport(epoch=block.epoch, first_sample=block.first_sample, lost=block.lost_before))
        for piece in (block,) if self._sketch is None else self._sketch.pieces(block):
            self._count(self._detector.push(piece))

    def report(self, source: Source, format_name: str) -> TraceReport:
        """End the pass."""
        self._count(self._detector.flush())
        if self._sketch is not None:
            self._sketch.finish()
        rate_hz = self._instrument.sample_rate_hz
        clock = self._clock_report()
        is_lines = self._instrument.kind == "time_stretch"
        lines, scans = (clock, None) if is_lines else (None, clock)
        truth = source.truth()
        return TraceReport(
            format=format_name,
            instrument=self._instrument.name,
            kind=self._instrument.kind,
            description=source.description,
            origin=source.origin,
            sample_rate_hz=rate_hz,
            bits=self._instrument.digitizer.bits,
            samples=self.samples,
            duration_s=self.samples / rate_hz,
            channels=self._statistics.reports(),
            epochs=len(self._epochs),
            gap_count=len(self._losses),
            samples_lost=sum(loss for loss in self._losses if loss > 0),
            losses_of_unknown_size=self._losses.count(UNKNOWN_LOSS),
            samples_omitted=self._omitted,
            gaps=tuple(self._gaps),
            clock=clock,
            samples_per_line=lines and lines.period_ticks,
            line_rate_hz=lines and lines.rate_hz,
            samples_per_scan=scans and scans.period_ticks,
            scan_rate_hz=scans and scans.rate_hz,
            events=EventReport(
                count=self._event_count,
                rate_hz=self._event_count * rate_hz / self.samples if self.samples else 0.0,
                flags=self._flags,
            ),
            true_cells=None if truth is None else len(next(iter(truth.values()), ())),
        )

    def _count(self, events: list[Event]) -> None:
        if (clock := self._detector.clock) is not None:
            self._clock, self._jitters = clock, self._detector.jitters
        if self._sketch is not None:
            self._sketch.take(self._detector, events)
        self._event_count += len(events)
        for event in events:
            for name in [flag.name or "" for flag in EventFlag(event.flags)] or ["none"]:
                self._flags[name.lower()] = self._flags.get(name.lower(), 0) + 1

    def _clock_report(self) -> ClockReport | None:
        if self._clock is None:
            return None
        return ClockReport(
            period_ticks=self._clock.period_ticks,
            rate_hz=self._instrument.sample_rate_hz / self._clock.period_ticks,
            locked=self._clock.locked,
            jitters=self._jitters,
        )


def _format_of(url: str) -> str:
    scheme = split_url(url)[0]
    return TRACE_FORMAT if scheme == "file" else scheme
