"""From blocks to events: one protocol, one detector per kind of instrument."""

from __future__ import annotations

from typing import Protocol

from acquisition.block import Block
from acquisition.event import Background, ClockState, Event
from acquisition.instrument import Instrument


class Detector(Protocol):
    """Finds events in a stream; the same events for every way of cutting the stream into blocks."""

    @property
    def parameters(self) -> str:
        """Short reversible identifier of the detector and its settings, part of the pipeline id."""

    @property
    def clock(self) -> ClockState | None:
        """The scan or line clock as last measured; None until enough samples were seen."""

    @property
    def background(self) -> Background | None:
        """The empty scan or line as last measured; None until enough samples were seen."""

    @property
    def jitters(self) -> bool:
        """True where scans or lines jitter so much about the clock that each is scored at a shift of its own."""

    def push(self, block: Block) -> list[Event]:
        """Take a block; return the events whose windows are complete, in order of their ids."""

    def flush(self) -> list[Event]:
        """End the stream; return what is left, windows that could not be completed flagged."""


def detector_for(instrument: Instrument) -> Detector:
    """Return a new detector for this instrument."""
    # Imported here: each module needs this one's protocol, and only one of them is wanted.
    from acquisition.light_sheet import LightSheetDetector
    from acquisition.time_stretch import TimeStretchDetector

    kinds: dict[str, type[LightSheetDetector] | type[TimeStretchDetector]] = {
        "light_sheet": LightSheetDetector,
        "time_stretch": TimeStretchDetector,
    }
    return kinds[instrument.kind](instrument)
