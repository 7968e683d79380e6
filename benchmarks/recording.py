"""Recording: the trace writer against bare h5py writing the same samples."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import h5py
import numpy as np

from acquisition.block import Block
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.trace import TraceWriter
from benchmarks.timing import Row, in_turn

N = 1 << 23


def rows() -> Iterator[Row]:
    """Two channels of 16 bit, 32 MiB, in blocks of 100,000 samples."""
    instrument = instrument_preset("sheet-ci")
    samples = np.random.default_rng(0).integers(-2000, 2000, (N, 2), dtype=np.int16)
    with tempfile.TemporaryDirectory() as folder:
        names = (Path(folder) / f"{i}.h5" for i in count())

        def ours() -> None:
            with TraceWriter(next(names), instrument, origin=Origin.SIMULATED) as writer:
                for at in range(0, N, 100_000):
                    writer.append(Block(samples[at : at + 100_000], at))

        def bare() -> None:
            with h5py.File(next(names), "w") as file:
                sets = [file.create_dataset(str(c), (N,), np.int16, chunks=(1 << 20,)) for c in range(2)]
                for at in range(0, N, 100_000):
                    for c in range(2):
                        sets[c][at : at + 100_000] = samples[at : at + 100_000, c]

        took, _, ratio = in_turn(ours, bare)
    yield Row("record, two channels", samples.nbytes / took / 1e6, "MB/s", "bare h5py", ratio)
