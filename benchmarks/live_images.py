"""From raw samples to images at the rate of the instrument: detection in one thread, images in another.

As in the service, volumes are made of the events that pass the gate, or of all of them for comparison.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass

import numpy as np

from acquisition.block import Block
from acquisition.detection import Detector, detector_for
from acquisition.event import Event
from acquisition.instrument import Instrument
from acquisition.source import blocks, open_source
from benchmarks.page import table
from reconstruction.transform import Transform, transform_for

BLOCK = 1 << 16
BATCH = 32
URL = "sim:sheet-real?rate=500&seconds=0.25&seed=9"
CLEAN = f"{URL}&flow.debris_per_cell=0"
FLAT = ("transmission",)
VOLUMES = (*FLAT, "side_scatter", "gfp")


@dataclass(frozen=True)
class Load:
    """What it takes to keep up with a stream.

    Attributes
    ----------
    seconds
        Length of the stream.
    wall_s
        Time from the first sample to the last image, both threads working as fast as they can.
    detect_s, image_s
        Processor time of either thread.
    events
        How many were imaged.
    """

    seconds: float
    wall_s: float
    detect_s: float
    image_s: float
    events: int


def looped_stream(url: str) -> tuple[Instrument, np.ndarray]:
    """Samples that can be repeated without end: cut where the scan clock of the next turn meets the samples again."""
    with open_source(url) as source:
        samples = np.concatenate([block.data for block in blocks(source)])
        instrument = source.instrument
    detector = detector_for(instrument)
    events = detector.push(Block(samples, 0)) + detector.flush()
    period = events[len(events) // 2].clock.period_ticks
    scans = np.arange(int(0.9 * samples.shape[0] / period), int(samples.shape[0] / period))
    miss = np.abs(scans * period - np.rint(scans * period))
    return instrument, samples[: round(float(scans[np.argmin(miss)] * period))]


def run(instrument: Instrument, samples: np.ndarray, turns: int, channels: tuple[str, ...], of_all: bool) -> Load:
    """Detect and image `turns` repetitions of the samples; volumes of all events, or of those that pass the gate."""
    detector, transform = detector_for(instrument), transform_for(instrument)
    transform.warm()
    detector_for(instrument).push(Block(samples, 0))
    found: queue.Queue[Event | None] = queue.Queue(4 * BATCH)
    spent: dict[str, float] = {}
    counted: list[int] = []
    threads = [
        threading.Thread(target=_detect, args=(detector, samples, turns, found, spent)),
        threading.Thread(target=_image, args=(transform, channels, of_all, found, spent, counted)),
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    seconds = turns * samples.shape[0] / instrument.sample_rate_hz
    return Load(seconds, wall, spent["detect"], spent["image"], sum(counted))


def _detect(
    detector: Detector, samples: np.ndarray, turns: int, found: queue.Queue[Event | None], spent: dict[str, float]
) -> None:
    began = time.thread_time()
    for turn in range(turns):
        for start in range(0, samples.shape[0], BLOCK):
            for event in detector.push(Block(samples[start : start + BLOCK], turn * samples.shape[0] + start)):
                found.put(event)
    for event in detector.flush():
        found.put(event)
    found.put(None)
    spent["detect"] = time.thread_time() - began


def _image(
    transform: Transform,
    channels: tuple[str, ...],
    of_all: bool,
    found: queue.Queue[Event | None],
    spent: dict[str, float],
    counted: list[int],
) -> None:
    began = time.thread_time()
    batch: list[Event] = []
    while (event := found.get()) is not None:
        batch.append(event)
        if len(batch) == BATCH:
            counted.append(len(transform.images(batch, channels, not of_all)))
            batch = []
    counted.append(len(transform.images(batch, channels, not of_all)))
    spent["image"] = time.thread_time() - began


HEAD = (
    "simulated, 500 cells/s",
    "events/s",
    "volumes",
    "of",
    "wall, of real time",
    "detection, cores",
    "images, cores",
)


def figures() -> list[tuple[object, ...]]:
    """What simulated streams of 500 cells/s take, with one volume a cell, with two, and with two an event."""
    rows: list[tuple[object, ...]] = []
    for what, url in (("nothing else", CLEAN), ("five pieces of debris a cell", URL)):
        instrument, samples = looped_stream(url)
        for channels, of_all in (((*FLAT, "side_scatter"), False), (VOLUMES, False), (VOLUMES, True)):
            load = run(instrument, samples, 4, channels, of_all)
            took = (f"{took / load.seconds:.2f}" for took in (load.wall_s, load.detect_s, load.image_s))
            whose = "all events" if of_all else "cells"
            rows.append((what, f"{load.events / load.seconds:.0f}", len(channels) - 1, whose, *took))
    return rows


if __name__ == "__main__":
    print(table(HEAD, figures()))
