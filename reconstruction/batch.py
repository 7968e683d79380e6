"""Putting the pieces of single events together into a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from acquisition.event import Background, ClockState, Event, EventFlag
from acquisition.instrument import Instrument
from reconstruction.deposit import FloatImage
from reconstruction.errors import ReconstructionError
from reconstruction.images import CellImages, FloatImages, Pixels, Rejection
from reconstruction.speed import SpeedSource

Stack = FloatImages | npt.NDArray[np.uint16]

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


@numba.njit(cache=True, nogil=True)
def to_counts(image: FloatImage, unit: float, counts: npt.NDArray[np.uint16]) -> None:
    """Write an image as whole `counts` of the same shape, contiguous both, of this unit each."""
    values, target = image.reshape(-1), counts.reshape(-1)
    per_unit = np.float32(1.0 / unit)
    for i in range(values.shape[0]):
        target[i] = np.uint16(min(max(values[i] * per_unit + np.float32(0.5), np.float32(0.0)), np.float32(65535.0)))


def new_stacks(shapes: Mapping[str, tuple[int, ...]], rows: int, pixels: Pixels) -> dict[str, Stack]:
    """Make room for the images of a batch, empty, by channel."""
    return {name: np.zeros((rows, *shape), dtype=pixels.value) for name, shape in shapes.items()}


def one_by_one(
    events: Sequence[Event], images: Mapping[str, Stack], units: Mapping[str, float], cells_first: bool,
    one: Callable[[Event, Mapping[str, FloatImage]], Measured],
) -> tuple[list[Event], list[Measured]]:  # fmt: skip
    """Let `one` measure every event and fill its row of the `images`; return both in the order of the rows.

    With `cells_first`, events that are no cells give their row to the next one; their flat images are set aside, and
    follow the cells. `one` always makes float32; where the images are whole counts, they are rounded to `units`.
    """
    cells: list[tuple[Event, Measured]] = []
    others: list[tuple[Event, Measured, dict[str, Stack]]] = []
    made = {name: np.zeros(s.shape[1:], np.float32) for name, s in images.items() if s.dtype == np.uint16}
    for event in events:
        row = {name: stack[len(cells)] for name, stack in images.items()}
        measured = one(event, {**row, **made})
        rejected = measured.rejection is not Rejection.NONE
        for name, exact in made.items():
            if not (cells_first and rejected and exact.ndim == 3):
                to_counts(exact, units[name], row[name])
        if cells_first and rejected:
            others.append((event, measured, {name: image.copy() for name, image in row.items() if image.ndim == 2}))
        else:
            cells.append((event, measured))
    for k, (_, _, flat) in enumerate(others):
        for name, set_aside in flat.items():
            images[name][len(cells) + k] = set_aside
    both = [*cells, *((event, measured) for event, measured, _ in others)]
    return [event for event, _ in both], [measured for _, measured in both]


def assemble(
    events: Sequence[Event], measured: Sequence[Measured], images: Mapping[str, Stack], pixel_um: float,
    feature_names: Sequence[str],
) -> CellImages:  # fmt: skip
    """Make a batch of events, what was measured of each, and their images."""
    return CellImages(
        event_id=np.array([event.event_id for event in events], dtype=np.uint64),
        epoch=np.array([event.epoch for event in events], dtype=np.int32),
        trigger_tick=np.array([event.trigger_tick for event in events], dtype=np.float64),
        images=images,
        pixel_um=pixel_um,
        speed_m_s=np.array([m.speed_m_s for m in measured], dtype=np.float32),
        speed_error_m_s=np.array([m.speed_error_m_s for m in measured], dtype=np.float32),
        speed_source=tuple(m.speed_source for m in measured),
        flags=np.array([int(event.flags) for event in events], dtype=np.uint32),
        rejection=tuple(m.rejection for m in measured),
        features={name: np.array([m.features[name] for m in measured], dtype=np.float32) for name in feature_names},
    )


def chosen_channels(asked: Sequence[str] | None, flat: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the channels to make; None asks for the flat ones.

    Raises
    ------
    ReconstructionError
        If a channel is not known.
    """
    if asked is None:
        return tuple(flat)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ReconstructionError(
            f"This instrument has no images of the channel '{unknown[0]}'; use one of {', '.join(known)}."
        )
    return tuple(asked)
