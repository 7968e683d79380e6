"""Recording: the trace writer, and the recorder with its queue and thread, against bare h5py on the same samples."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from unittest import mock

import h5py
import numpy as np

from acquisition.block import Block
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.recorder import Recorder
from acquisition.trace import TraceWriter
from acquisition.trace_files import TraceFiles
from benchmarks.timing import Row, in_turn

MIB = 1 << 20
BLOCK = 100_000
PRESETS = {"two channels of 16 bit": "sheet-ci", "four channels of 16 bit": "sheet-real"}


def rows() -> Iterator[Row]:
    """128 MiB in blocks of 100,000 samples, and a disk that is too slow."""
    for name, preset in PRESETS.items():
        yield from _against_h5py(name, instrument_preset(preset))
    yield from _slow_disk(instrument_preset("sheet-real"))


def _against_h5py(name: str, instrument: Instrument) -> Iterator[Row]:
    channels = len(instrument.channels)
    n = 128 * MIB // (2 * channels)
    samples = np.random.default_rng(0).integers(-100, 100, (n, channels), dtype=np.int16)
    with tempfile.TemporaryDirectory() as folder:
        names = (Path(folder) / f"{i}.h5" for i in count())

        def cleared(write: Callable[[Path], None]) -> Callable[[], None]:
            def run() -> None:
                path = next(names)
                write(path)
                path.unlink()

            return run

        def bare(path: Path) -> None:
            with h5py.File(path, "w") as file:
                sets = [file.create_dataset(str(c), (n,), np.int16, chunks=(MIB,)) for c in range(channels)]
                for at in range(0, n, BLOCK):
                    for c in range(channels):
                        sets[c][at : at + BLOCK] = samples[at : at + BLOCK, c]

        def writer(path: Path) -> None:
            with TraceWriter(path, instrument, origin=Origin.SIMULATED) as trace:
                for at in range(0, n, BLOCK):
                    trace.append(Block(samples[at : at + BLOCK], at))

        def recorder(path: Path) -> None:
            with Recorder(path, instrument, origin=Origin.SIMULATED) as trace:
                for at in range(0, n, BLOCK):
                    trace.put(Block(samples[at : at + BLOCK], at))

        for what, write in (("trace writer", writer), ("recorder", recorder)):
            took, _, ratio = in_turn(cleared(write), cleared(bare))
            yield Row(f"{what}, {name}", samples.nbytes / took / 1e6, "MB/s", "bare h5py", ratio)


class _SlowFiles(TraceFiles):
    """A disk that takes a quarter of what comes."""

    def append(self, block: Block) -> None:
        time.sleep(4 * block.n_samples / self._instrument.sample_rate_hz)
        super().append(block)


def _slow_disk(instrument: Instrument) -> Iterator[Row]:
    """A live stream for 2 s: nobody waits for the disk, and what it could not take is counted."""
    rate_hz = instrument.sample_rate_hz
    samples = np.zeros((BLOCK, len(instrument.channels)), np.int16)
    longest, given = 0.0, 0
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("acquisition.recorder.TraceFiles", _SlowFiles),
        Recorder(Path(folder) / "slow.h5", instrument, origin=Origin.SIMULATED, waits=False) as recorder,
    ):
        began = time.perf_counter()
        while given < 2 * rate_hz:
            time.sleep(max(0.0, began + given / rate_hz - time.perf_counter()))
            asked = time.perf_counter()
            recorder.put(Block(samples, given))
            longest, given = max(longest, time.perf_counter() - asked), given + BLOCK
    counted = (recorder.samples_written + recorder.samples_dropped) / given
    yield Row(
        "disk at a quarter of the stream: longest wait", longest * 1e3, "ms", "of the samples accounted for", counted
    )
    share = 100 * recorder.samples_dropped / given
    yield Row("disk at a quarter of the stream: dropped", share, "% counted", "of the samples accounted for", counted)
