"""Reconstruction: events to images and volumes, against numpy's and scipy's way of laying samples on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.instrument import Instrument
from acquisition.source import open_source
from benchmarks.scipy_images import volume_by_scipy
from benchmarks.timing import Row, best_of, in_turn
from reconstruction.light_sheet.mapping import SheetMapping, deflector_efficiency
from reconstruction.light_sheet.side_by_side import Splitter
from reconstruction.motion import Motion
from reconstruction.sharing import PIECE
from reconstruction.transform import transform_for


def events_of(url: str, least: int = 24) -> tuple[Instrument, list[Event]]:
    """Events of a stream that nothing speaks against, and its instrument."""
    with open_source(url) as source:
        source.start()
        detector = detector_for(source.instrument)
        events: list[Event] = []
        while len(events) < least:
            events += detector.push(source.read(60.0))
        return source.instrument, [event for event in events if not event.flags]


def _one_by_one(instrument: Instrument, events: list[Event]) -> None:
    """The kernels alone, at nominal speed: window taken apart, scan energy, transmission, one volume into a batch."""
    n = instrument.grid.size_px
    mapping, splitter = SheetMapping(instrument), Splitter(instrument, (0, 1))
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    images = np.zeros((len(events), n, n), np.float32)
    volumes = np.zeros((4, n, n, n), np.float32)
    while True:
        for row, whole in enumerate(events):
            event = replace(whole, window=splitter.split(whole.window)[0])
            motion = Motion(event.trigger_tick, um_per_tick)
            efficiency = deflector_efficiency(event.background.level[0])
            mapping.energy(event, efficiency, 1)
            mapping.transmission(event, 0, 0.0, motion, images[row])
            mapping.side(event, efficiency, 1, motion, None, volumes[row % 4])
        yield


def _sheet_rows() -> Iterator[Row]:
    instrument, events = events_of("sim:sheet-real?rate=60&seed=3")
    n = len(events)
    transform = transform_for(instrument)
    kernels = partial(next, _one_by_one(instrument, events))
    few = events[:3]
    fast = partial(next, _one_by_one(instrument, few))
    alone, _, _ = in_turn(kernels, lambda: None)
    _, _, ratio = in_turn(fast, lambda: [volume_by_scipy(event, instrument) for event in few], rounds=3)
    yield Row("image, sheet-real, kernels 2D + 3D", n / alone, "cells/s", "numpy bincount + scipy.ndimage", ratio)
    volume = np.zeros((instrument.grid.size_px,) * 3, np.float32)
    _, _, share = in_turn(kernels, lambda: [volume.fill(1.0) for _ in events])
    yield Row("image, sheet-real, kernels 2D + 3D", n / alone, "cells/s", "writing the volumes only", share)
    quickest, written = best_of(kernels, lambda: [volume.fill(1.0) for _ in events])
    what = "image, sheet-real, kernels 2D + 3D, quickest of 25"
    yield Row(what, n / quickest, "cells/s", "writing the volumes only", written / quickest)
    flat, _, _ = in_turn(lambda: transform.images(events), lambda: None)
    yield Row("image, sheet-real, 2D + speed + features", n / flat, "cells/s", "2D + 3D kernels", alone / flat)
    sides = ("side_scatter", "gfp")
    for beside in (("side_scatter_flat",), tuple(f"{name}_flat" for name in sides), sides[:1], sides):
        channels = ("transmission", *beside)
        whole, _, share = in_turn(partial(transform.images, events, channels), lambda: transform.images(events))
        what = "flat side image(s)" if beside[0].endswith("_flat") else "volume(s)"
        yield Row(f"image, sheet-real, all, {len(beside)} {what}", n / whole, "cells/s", "2D + speed + features", share)


def rows() -> Iterator[Row]:
    """Figures of both instruments, one core."""
    yield from _sheet_rows()
    instrument, events = events_of("sim:stretch-ci?seed=3")
    lines = transform_for(instrument)
    few = events[:PIECE]
    took, _, limit = in_turn(lambda: lines.images(few), lambda: [event.window.copy() for event in few])
    yield Row("image, time stretch", len(few) / took, "cells/s", "copying the windows", limit)


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
