"""Putting the pieces of single events together into a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from acquisition.event import Background, ClockState, Event, EventFlag
from acquisition.instrument import Instrument
from reconstruction.errors import ReconstructionError
from reconstruction.images import CellImages, Images, Rejection
from reconstruction.speed import SpeedSource

_BY_FLAG = {
    EventFlag.GAP: Rejection.GAP,
    EventFlag.TRUNCATED: Rejection.TRUNCATED,
    EventFlag.UNLOCKED: Rejection.UNLOCKED,
    EventFlag.CLIPPED: Rejection.CLIPPED,
    EventFlag.LONG: Rejection.LONG,
    EventFlag.OVERLAP: Rejection.OVERLAP,
}


def blank_event(instrument: Instrument, period_ticks: float) -> Event:
    """Return an event of 64 empty periods, to compile kernels on."""
    n_channels, cores = len(instrument.channels), instrument.digitizer.interleave_cores
    background = Background(
        level=np.ones((n_channels, 16), dtype=np.float32),
        noise=np.ones(n_channels, dtype=np.float32),
        core_offsets=np.zeros((n_channels, cores), dtype=np.float32),
    )
    return Event(
        event_id=0,
        epoch=0,
        trigger_tick=32 * period_ticks,
        duration_ticks=8 * period_ticks,
        window_tick=0,
        window=np.zeros((round(64 * period_ticks), n_channels), dtype=instrument.digitizer.dtype),
        clock=ClockState(period_ticks, 0.0),
        background=background,
        strength=0.0,
    )


@lru_cache(maxsize=256)
def flag_rejection(flags: EventFlag) -> Rejection:
    """Return the gravest reason among detection's flags; NONE if there is none."""
    return next((reason for flag, reason in _BY_FLAG.items() if flags & flag), Rejection.NONE)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a transform found out about one event beside its images.

    Attributes
    ----------
    speed_m_s, speed_error_m_s
        Flow speed and its standard error, NaN if that is not known.
    speed_source
        How the speed was measured.
    rejection
        Reason not to judge the event.
    features
        By name; the same names for every event of a transform.
    """

    speed_m_s: float
    speed_error_m_s: float
    speed_source: SpeedSource
    rejection: Rejection
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Measures:
    """What a transform found out about `n` events, column by column; see `Measured`.

    Attributes
    ----------
    speed_m_s, speed_error_m_s
        `(n,)`.
    features
        By name, `(n,)` each.
    """

    speed_m_s: npt.NDArray[np.float32]
    speed_error_m_s: npt.NDArray[np.float32]
    speed_source: tuple[SpeedSource, ...]
    rejection: tuple[Rejection, ...]
    features: Mapping[str, npt.NDArray[np.float32]]


def in_columns(measured: Sequence[Measured], feature_names: Sequence[str]) -> Measures:
    """Put what was measured event by event into columns."""
    return Measures(
        speed_m_s=np.array([m.speed_m_s for m in measured], dtype=np.float32),
        speed_error_m_s=np.array([m.speed_error_m_s for m in measured], dtype=np.float32),
        speed_source=tuple(m.speed_source for m in measured),
        rejection=tuple(m.rejection for m in measured),
        features={name: np.array([m.features[name] for m in measured], dtype=np.float32) for name in feature_names},
    )


def assemble(events: Sequence[Event], measures: Measures, images: Mapping[str, Images], pixel_um: float) -> CellImages:
    """Make a batch of events, what was measured of them, and their images."""
    return CellImages(
        event_id=np.array([event.event_id for event in events], dtype=np.uint64),
        epoch=np.array([event.epoch for event in events], dtype=np.int32),
        trigger_tick=np.array([event.trigger_tick for event in events], dtype=np.float64),
        images=images,
        pixel_um=pixel_um,
        speed_m_s=measures.speed_m_s,
        speed_error_m_s=measures.speed_error_m_s,
        speed_source=measures.speed_source,
        flags=np.array([int(event.flags) for event in events], dtype=np.uint32),
        rejection=measures.rejection,
        features=measures.features,
    )


def chosen_channels(asked: Sequence[str] | None, live: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the channels to make; None asks for the live ones.

    Raises
    ------
    ReconstructionError
        If a channel is not known.
    """
    if asked is None:
        return tuple(live)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ReconstructionError(
            f"This instrument has no images of the channel '{unknown[0]}'; use one of {', '.join(known)}."
        )
    return tuple(asked)
