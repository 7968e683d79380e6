"""Simulation: how fast samples are made, and how fast a loop is served, against a plain copy of the same bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import numpy as np

from acquisition.source import Source, blocks, open_source
from benchmarks.timing import Row, in_turn

SECONDS = 4.0
LOOPS = {"sheet-real": ("loop=0.5", 240e6), "atom-4g": ("loop=0.01", 4.123e9)}
SERVED_BYTES = 1 << 30


def rows() -> Iterator[Row]:
    """Real time on one thread, then loops served in process."""
    for preset in ("sheet-ci", "stretch-ci"):
        yield _live(preset, SECONDS if preset == "sheet-ci" else SECONDS / 4)
    for preset, (options, rate) in LOOPS.items():
        yield from _served(preset, options, rate)


def _live(preset: str, seconds: float) -> Row:
    """Samples made as they flow, one thread."""
    with open_source(f"sim:{preset}?seed=3&seconds=0.2") as source:
        _drain(source)
    with open_source(f"sim:{preset}?seed=3&seconds={seconds}") as source:
        began = time.process_time()
        samples = _drain(source)
        took = time.process_time() - began
        rate_hz = source.instrument.sample_rate_hz
    return Row(f"simulate {preset}, one thread", samples / took / 1e6, "MS/s", "real time", samples / rate_hz / took)


def _drain(source: Source) -> int:
    return sum(block.n_samples for block in blocks(source))


def _served(preset: str, options: str, bytes_per_s: float) -> Iterator[Row]:
    """A loop read as fast as it comes, each block copied by its reader; then at real time, for the time it takes."""
    with open_source(f"sim:{preset}?seed=3&threads=all&{options}") as source:
        stream = blocks(source)
        block = next(stream)
        into = np.empty_like(block.data)
        count = max(1, SERVED_BYTES // block.data.nbytes)
        # As long as the loop, so that both copy out of memory and not out of a cache.
        turn = round(float(options.partition("=")[2]) * source.instrument.sample_rate_hz)
        plain = np.zeros((turn, into.shape[1]), dtype=into.dtype)
        starts = [k * into.shape[0] % (turn - into.shape[0]) for k in range(count)]

        def serve() -> None:
            for each in islice(stream, count):
                np.copyto(into, each.data)

        def copy() -> None:
            for start in starts:
                np.copyto(into, plain[start : start + into.shape[0]])

        took, _, ratio = in_turn(serve, copy, rounds=3)
        stream.close()
        rate = count * block.data.nbytes / took
    yield Row(f"serve looped {preset} in process", rate / 1e6, "MB/s", "a plain copy", ratio)
    yield Row(f"serve looped {preset} in process", rate / 1e6, "MB/s", "real time", rate / bytes_per_s)
    yield _share_of_a_core(preset, options, bytes_per_s)


def _share_of_a_core(preset: str, options: str, bytes_per_s: float) -> Row:
    """Time of one core that serving at real time takes."""
    with open_source(f"sim:{preset}?seed=3&threads=all&speed=1&{options}") as source:
        stream = blocks(source)
        first = next(stream)
        into = np.empty_like(first.data)
        count = max(1, round(2.0 * bytes_per_s / first.data.nbytes))
        began, used = time.perf_counter(), time.process_time()
        moved = 0
        for block in islice(stream, count):
            np.copyto(into, block.data)
            moved += block.data.nbytes
        wall, busy = time.perf_counter() - began, time.process_time() - used
        stream.close()
    return Row(f"serve looped {preset} at real time", moved / wall / 1e6, "MB/s", "of one core", busy / wall)


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
