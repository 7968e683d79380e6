"""The whole chain: blocks in memory to events to images of every cell, against the rate of the stream itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from acquisition.block import Samples
from acquisition.event import Event, EventFlag
from acquisition.instrument import Instrument
from acquisition.periodic import PeriodicDetector
from benchmarks.detection import lead_ticks, looped, stream_of
from benchmarks.plain_detection import NumpyDetector
from benchmarks.plain_lines import measures_by_scipy, picture_by_numpy
from benchmarks.timing import Row
from reconstruction.gate import GateSettings
from reconstruction.transform import transform_for
from service.runs.edge import Edge, Policy

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
        Time of the cores that each stage took; images are made by several threads.
    """

    events: int
    cells: int
    seconds: float
    detecting_s: float
    imaging_s: float


Find = Callable[[], Iterator[Event]]
Judge = Callable[[list[Event]], int]
"""Makes images of events, and returns how many are cells."""


def run_chain(find: Find, judge: Judge) -> Passed:
    """Put a stream through both stages, each in its own thread, with a bounded queue that waits between them."""
    found: Edge[Event] = Edge(EVENTS, Policy.WAIT)
    taken: list[float] = []

    def detect() -> None:
        began = time.thread_time()
        try:
            for event in find():
                found.put(event)
        finally:
            found.close()
            taken.append(time.thread_time() - began)

    thread = threading.Thread(target=detect)
    began, busy = time.perf_counter(), time.process_time()
    thread.start()
    events = cells = 0
    while batch := found.take(EVENTS_PER_BATCH, lambda: PATIENCE_S):
        events += len(batch)
        cells += judge(batch)
    thread.join()
    imaging_s = time.process_time() - busy - taken[0]
    return Passed(events, cells, time.perf_counter() - began, taken[0], imaging_s)


def _plain(known: PeriodicDetector, body: Samples, instrument: Instrument) -> tuple[Find, Judge]:
    """The same in numpy and scipy: events of one turn, a picture of the first view of each, and nine measures.

    A cell is an event by itself whose object is large enough: bodies are not counted, and edges not looked at.
    """
    detector, reach = NumpyDetector(known), known.settings.overlap * known.clock.period_ticks
    gate = GateSettings()

    def find() -> Iterator[Event]:
        events = list(detector.events(body, lead_ticks(known)))
        ticks = np.array([event.trigger_tick for event in events])
        for event in events:
            near = np.sum(np.abs(ticks - event.trigger_tick) < reach) > 1
            yield replace(event, flags=EventFlag.OVERLAP if near else EventFlag.NONE)

    def judge(events: list[Event]) -> int:
        measured = [
            measures_by_scipy(picture_by_numpy(event, instrument), instrument.grid.pixel_um) for event in events
        ]
        return sum(
            not event.flags and measures.get("area_um2", 0.0) >= gate.smallest_area_um2
            for event, measures in zip(events, measured, strict=True)
        )

    return find, judge


def rows() -> Iterator[Row]:
    """Figures of the simulated five-view stream, looped from memory, on two cores; the quickest of a few passes."""
    instrument, samples = stream_of(URL)
    detector, turn, body = looped(instrument, samples)
    transform = transform_for(instrument)
    transform.warm()
    plain = run_chain(*_plain(detector, body, instrument))

    def find(turns: int) -> Iterator[Event]:
        for _ in range(turns):
            for block in turn():
                yield from detector.push(block)

    stream_s = TURNS * body.shape[0] / instrument.sample_rate_hz
    lines = stream_s * instrument.time_stretch.line_rate_hz
    for views in (transform.live_channels[:1], transform.live_channels):
        what = f"{WHAT}, {len(views)} of {len(transform.live_channels)} views"

        def judge(batch: list[Event], views: Sequence[str] = views) -> int:
            return int(transform.images(batch, views, cells_first=True).is_cell.sum())

        run_chain(partial(find, 2), judge)
        best = min((run_chain(partial(find, TURNS), judge) for _ in range(ROUNDS)), key=lambda passed: passed.seconds)
        share = stream_s / best.seconds
        yield Row(what, lines / best.seconds / 1e6, "M lines/s", "real time, two cores", share)
        yield Row(what, best.events / best.seconds, "events/s", "real time, two cores", share)
        yield Row(what, best.cells / best.seconds, "cells/s", "real time, two cores", share)
        for stage, core_s in (("detection", best.detecting_s), ("images", best.imaging_s)):
            yield Row(f"{what}: {stage}", core_s / best.seconds, "cores", "cores at real time", core_s / stream_s)
        if len(views) == 1:
            yield from _against_plain(what, best, plain)


def _against_plain(what: str, ours: Passed, plain: Passed) -> Iterator[Row]:
    """Time of the chain against numpy's, turn by turn, and what either found in one turn."""
    ratio = TURNS * plain.seconds / ours.seconds
    yield Row(what, TURNS / ours.seconds, "turns/s", "numpy and scipy, two cores", ratio)
    for kind, count, others in (("events", ours.events, plain.events), ("cells", ours.cells, plain.cells)):
        yield Row(what, count / TURNS, f"{kind}/turn", f"the {others} of numpy and scipy", count / TURNS / others)


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
