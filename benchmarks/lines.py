"""Lines of a time stretch: gating and resampling them as they come, and the pictures of cells (specification B.7)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from acquisition.event import BINS_PER_TICK, Event
from acquisition.folding import PeriodGrid
from acquisition.instrument import Instrument
from benchmarks.images import events_of
from benchmarks.plain_lines import measures_by_scipy, picture_by_numpy
from benchmarks.timing import Row, best_of
from reconstruction.sharing import PIECE
from reconstruction.time_stretch.drawing import draw_lines, drawn_places
from reconstruction.time_stretch.event import MARGIN
from reconstruction.time_stretch.light import Lit, empty_line, lay_light
from reconstruction.time_stretch.modes import LineMode
from reconstruction.time_stretch.pictures import LinePictures
from reconstruction.time_stretch.pixels import Line
from reconstruction.transform import transform_for

PERIOD, PIXELS, LINES = 1024.0 / 3.0, 64, 1024


def _stream() -> tuple[np.ndarray, np.ndarray]:
    """Lines of 8 bits, 64 of whose samples are lit, `(n,)`, and the empty line."""
    rng = np.random.default_rng(1)
    phase = (np.arange(int(BINS_PER_TICK * PERIOD)) + 0.5) / BINS_PER_TICK - 0.5 * PERIOD
    level = np.where(np.abs(phase) < PIXELS / 2, 80.0, 0.0).astype(np.float32)
    ticks = np.arange(int((LINES + 2) * PERIOD))
    light = level[np.minimum((ticks % PERIOD * BINS_PER_TICK).astype(np.int64), level.size - 1)]
    return np.clip(light + rng.normal(0, 2, ticks.size), -128, 127).astype(np.int8), level


def gate_and_resample() -> Iterator[Row]:
    """The way of `simple`, line by line: counts to light, and to 64 pixels at the same phases of every line."""
    samples, level = _stream()
    views = np.array([[0.5 * PERIOD, 0.5 * PERIOD]])
    empty = empty_line(level, np.zeros(4, np.float32), PERIOD, views)
    columns = np.asarray(np.arange(PIXELS) + 0.5 - PIXELS / 2, dtype=np.float64)
    drawing = drawn_places(columns)
    light, drawn = np.empty(samples.size + 512, np.float32), np.empty((LINES, PIXELS), np.float32)
    energies, half = np.ones(LINES), 0.5 * PIXELS + MARGIN
    grid, line = PeriodGrid(0, 0.0, PERIOD), Line(0.5 * PERIOD, PERIOD)

    def kernels() -> None:
        lay_light(samples, empty, grid, Lit(0.5 * PERIOD, 0.5 * PERIOD), energies, 0, (half, 127.0), 0, light)
        draw_lines(light, line, drawing, drawn)

    def with_numpy() -> np.ndarray:
        places = ((np.arange(LINES) + 0.5) * PERIOD)[:, None] + columns
        before = np.floor(places).astype(np.int64)
        bins = np.minimum((places % PERIOD * BINS_PER_TICK).astype(np.int64), level.size - 1)
        low, high = samples[before].astype(np.float32), samples[before + 1].astype(np.float32)
        return np.asarray((low + (places - before) * (high - low)) / np.maximum(level[bins], 1.0), dtype=np.float32)

    def copy() -> np.ndarray:
        return samples.copy()

    took, other = best_of(kernels, with_numpy)
    name = f"lines gated and resampled, {PIXELS} pixels"
    yield Row(name, LINES / took / 1e6, "M lines/s", "numpy", other / took)
    took, other = best_of(kernels, copy)
    yield Row(name, LINES / took / 1e6, "M lines/s", "copying the samples", other / took)


def pictures() -> Iterator[Row]:
    """Pictures of all views of a cell, one core, in each mode."""
    for url, what in (("sim:stretch-ci?seed=3", "stretch-ci"), ("sim:atom-4g?seed=3", "atom-4g, five views")):
        instrument, events = events_of(url)
        few = events[:PIECE]
        for mode in LineMode:
            made = LinePictures(instrument, mode)
            took, other = best_of(partial(made.make, few, made.names), lambda few=few: [e.window.copy() for e in few])
            yield Row(
                f"pictures, {what}, {mode.value}", len(few) / took, "cells/s", "copying the windows", other / took
            )


def whole_events() -> Iterator[Row]:
    """Picture of one view, every feature and the gate, one core, against a plain picture and nine plain measures."""
    for url, what in (("sim:stretch-ci?seed=3", "stretch-ci"), ("sim:atom-4g?seed=3", "atom-4g")):
        instrument, events = events_of(url)
        transform = transform_for(instrument)
        view, few = transform.live_channels[:1], events[:4]

        def plainly(instrument: Instrument = instrument, few: list[Event] = few) -> None:
            for event in few:
                measures_by_scipy(picture_by_numpy(event, instrument), instrument.grid.pixel_um)

        took, other = best_of(partial(transform.images, few, view), plainly)
        yield Row(f"one view, features, gate, {what}", len(few) / took, "cells/s", "numpy and scipy", other / took)


def rows() -> Iterator[Row]:
    """Figures of the lines, one core."""
    yield from gate_and_resample()
    yield from pictures()
    yield from whole_events()


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
