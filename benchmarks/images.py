"""Reconstruction: events to images, against numpy's way of depositing samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquisition.detection import detector_for
from acquisition.event import BINS_PER_TICK, Event, window_phases
from acquisition.instrument import Instrument
from acquisition.source import open_source
from benchmarks.timing import Row, in_turn
from reconstruction.transform import transform_for


def _events(url: str) -> tuple[Instrument, list[Event]]:
    with open_source(url) as source:
        source.start()
        detector = detector_for(source.instrument)
        events: list[Event] = []
        while len(events) < 24:
            events += detector.push(source.read())
        return source.instrument, [event for event in events if not event.flags]


def _numpy_image(event: Event, instrument: Instrument) -> np.ndarray:
    """Nearest-pixel transmission image with bincount: no shear, no weights, no interpolation."""
    turns = window_phases(event)
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    y = -um_per_tick * (event.window_tick + np.arange(turns.size) - event.trigger_tick)
    level = event.background.level[0]
    phase = turns % 1.0
    value = event.window[:, 0] / level[(phase * event.clock.period_ticks * BINS_PER_TICK).astype(int)]
    row = np.floor(phase / 0.9 * 80).astype(int)
    col = np.floor(y / 0.25 + 40).astype(int)
    keep = (row < 80) & (col >= 0) & (col < 80)
    place = row[keep] * 80 + col[keep]
    return np.bincount(place, value[keep], 6400) / np.maximum(np.bincount(place, minlength=6400), 1)


def rows() -> Iterator[Row]:
    """Figures of both instruments, one core."""
    instrument, events = _events("sim:sheet-ci?seed=3")
    transform = transform_for(instrument)
    flat, _, ratio = in_turn(
        lambda: transform.images(events), lambda: [_numpy_image(event, instrument) for event in events]
    )
    yield Row(
        "image, light sheet 2D + speed + features",
        len(events) / flat,
        "cells/s",
        "numpy 2D alone, nearest pixel",
        ratio,
    )
    full, _, share = in_turn(lambda: transform.images(events, transform.channels), lambda: transform.images(events))
    yield Row("image, light sheet 2D + 3D", len(events) / full, "cells/s", "2D alone", share)
    instrument, events = _events("sim:stretch-ci?seed=3")
    lines = transform_for(instrument)
    took, _, limit = in_turn(lambda: lines.images(events), lambda: [event.window.copy() for event in events])
    yield Row("image, time stretch", len(events) / took, "cells/s", "copying the windows", limit)
