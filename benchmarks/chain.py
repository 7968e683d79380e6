"""The whole chain: blocks in memory to events to images of every cell, against the rate of the stream itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from acquisition.block import Block
from acquisition.event import Event
from acquisition.periodic import PeriodicDetector
from benchmarks.detection import looped, stream_of
from benchmarks.timing import Row
from reconstruction.transform import Transform, transform_for
from service.edge import Edge, Policy

WHAT = "whole chain, 341 samples, 10,000 cells/s"
URL = "sim:atom-4g?seconds=0.03&seed=3&rate=10000"
EVENTS, EVENTS_PER_BATCH, PATIENCE_S = 256, 64, 0.002
TURNS = 6
ROUNDS = 3


@dataclass(frozen=True)
class Passed:
    """What a pass took.

    Attributes
    ----------
    events, cells
        Events found, and those whose images the gate lets through.
    seconds
        By the wall.
    detecting_s, imaging_s
        Time of a core that the thread of each stage took.
    """

    events: int
    cells: int
    seconds: float
    detecting_s: float
    imaging_s: float


def run_chain(
    detector: PeriodicDetector, turn: Callable[[], Iterator[Block]], transform: Transform, views: Sequence[str], n: int
) -> Passed:
    """Put n turns through both stages, each in its own thread, with a bounded queue that waits between them."""
    found: Edge[Event] = Edge(EVENTS, Policy.WAIT)
    taken: list[float] = []

    def detect() -> None:
        began = time.thread_time()
        try:
            for _ in range(n):
                for block in turn():
                    for event in detector.push(block):
                        found.put(event)
        finally:
            found.close()
            taken.append(time.thread_time() - began)

    thread = threading.Thread(target=detect)
    began, busy = time.perf_counter(), time.thread_time()
    thread.start()
    events = cells = 0
    while batch := found.take(EVENTS_PER_BATCH, PATIENCE_S):
        images = transform.images(batch, views, cells_first=True)
        events += len(images)
        cells += int(images.is_cell.sum())
    imaging_s = time.thread_time() - busy
    thread.join()
    return Passed(events, cells, time.perf_counter() - began, taken[0], imaging_s)


def rows() -> Iterator[Row]:
    """Figures of the simulated five-view stream, looped from memory, on two cores; the quickest of a few passes."""
    instrument, samples = stream_of(URL)
    detector, turn, body = looped(instrument, samples)
    transform = transform_for(instrument)
    transform.warm()
    stream_s = TURNS * body.shape[0] / instrument.sample_rate_hz
    lines = stream_s * instrument.time_stretch.line_rate_hz
    for views in (transform.live_channels[:1], transform.live_channels):
        what = f"{WHAT}, {len(views)} of {len(transform.live_channels)} views"
        run_chain(detector, turn, transform, views, 2)
        passes = [run_chain(detector, turn, transform, views, TURNS) for _ in range(ROUNDS)]
        best = min(passes, key=lambda passed: passed.seconds)
        share = stream_s / best.seconds
        yield Row(what, lines / best.seconds / 1e6, "M lines/s", "real time, two cores", share)
        yield Row(what, best.events / best.seconds, "events/s", "real time, two cores", share)
        yield Row(what, best.cells / best.seconds, "cells/s", "real time, two cores", share)
        for stage, core_s in (("detection", best.detecting_s), ("images", best.imaging_s)):
            yield Row(f"{what}: {stage}", core_s / best.seconds, "cores", "cores at real time", core_s / stream_s)


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
