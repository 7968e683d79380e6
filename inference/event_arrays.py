"""Events as flat arrays and back, bit for bit: how raw windows travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from acquisition.event import Background, ClockState, Event, EventFlag

Array = npt.NDArray[np.generic]
Scalar = TypeVar("Scalar", bound=np.generic)

_PLACES = ("trigger_tick", "duration_ticks", "period_ticks", "origin_tick", "strength")
"""Columns of `places`, float64."""
_COUNTS = (
    *("epoch", "window_tick", "n_samples", "locked", "flags", "bodies", "n_neighbours"),
    *("n_channels", "n_bins", "n_cores"),
)
"""Columns of `counts`, int64; the last three are the shape of the background."""


def arrays_of(events: Sequence[Event]) -> dict[str, Array]:
    """Return the arrays of some events, at least one, whose windows are of one type.

    `samples` holds the windows one after the other, `(samples, n_channels)`; `background` the levels, noise and core
    offsets of each event, `(values,)` float32; `neighbours` is `(m, 2)` float64; `places` and `counts` have a row
    for each.
    """
    places = [(e.trigger_tick, e.duration_ticks, e.clock.period_ticks, e.clock.origin_tick, e.strength) for e in events]
    counts = [
        (
            *(e.epoch, e.window_tick, len(e.window), e.clock.locked, int(e.flags), e.bodies, len(e.neighbours)),
            *(*e.background.level.shape, e.background.core_offsets.shape[1]),
        )
        for e in events
    ]
    beside = [neighbour for event in events for neighbour in event.neighbours]
    return {
        "event_id": np.array([event.event_id for event in events], np.uint64),
        "places": np.array(places, np.float64),
        "counts": np.array(counts, np.int64),
        "neighbours": np.array(beside, np.float64).reshape(-1, 2),
        "background": np.concatenate([part.ravel() for event in events for part in _parts(event.background)]),
        "samples": np.concatenate([event.window for event in events]),
    }


def events_of(arrays: Mapping[str, Array]) -> tuple[Event, ...]:
    """Return the events of such arrays, which are copied: kernels are compiled for arrays that may be written to.

    Raises
    ------
    KeyError, ValueError
        If these are not the arrays of events.
    """
    event_id, places, counts = (arrays[name] for name in ("event_id", "places", "counts"))
    neighbours, background, samples = (arrays[name] for name in ("neighbours", "background", "samples"))
    background, samples = background.copy(), samples.copy()
    kinds = [array.dtype for array in (event_id, places, counts, neighbours, background)]
    if len(arrays) != 6 or kinds != [np.uint64, np.float64, np.int64, np.float64, np.float32]:
        raise ValueError("these are no arrays of events")
    number = {name: column.tolist() for name, column in zip(_COUNTS, counts.T, strict=True)}
    place = {name: column.tolist() for name, column in zip(_PLACES, places.T, strict=True)}
    shapes = list(zip(number["n_channels"], number["n_bins"], number["n_cores"], strict=True))
    if samples.dtype not in (np.int8, np.int16) or any(channels != samples.shape[1] for channels, _, _ in shapes):
        raise ValueError("the windows are not samples of these channels")
    # `Any`, as it is known only now which of the two types of samples these are.
    windows: list[Any] = [*_cut(samples, number["n_samples"])]
    beside = _cut(neighbours, number["n_neighbours"])
    backgrounds = _cut(background, [channels * (bins + 1 + cores) for channels, bins, cores in shapes])
    return tuple(
        Event(
            event_id=one,
            epoch=number["epoch"][k],
            trigger_tick=place["trigger_tick"][k],
            duration_ticks=place["duration_ticks"][k],
            window_tick=number["window_tick"][k],
            window=windows[k],
            clock=ClockState(place["period_ticks"][k], place["origin_tick"][k], bool(number["locked"][k])),
            background=_background(backgrounds[k], *shapes[k]),
            strength=place["strength"][k],
            flags=EventFlag(number["flags"][k]),
            bodies=number["bodies"][k],
            neighbours=tuple((centre, length) for centre, length in beside[k].tolist()),
        )
        for k, one in enumerate(event_id.tolist())
    )


def _parts(background: Background) -> tuple[npt.NDArray[np.float32], ...]:
    return background.level, background.noise, background.core_offsets


def _background(values: Array, channels: int, bins: int, cores: int) -> Background:
    level, noise, offsets = np.split(values.view(np.float32), [channels * bins, channels * (bins + 1)])
    return Background(level.reshape(channels, bins), noise, offsets.reshape(channels, cores))


def _cut(array: npt.NDArray[Scalar], lengths: Sequence[int]) -> list[npt.NDArray[Scalar]]:
    """Return the stretches of an array; raises `ValueError` if they are not all of it."""
    if any(length < 0 for length in lengths) or sum(lengths) != len(array):
        raise ValueError("the events' parts are not as long as they say")
    ends = np.cumsum([0, *lengths]).tolist()
    return [array[begin:end] for begin, end in pairwise(ends)]
