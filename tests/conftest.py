import gc
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from acquisition.block import Block, Samples
from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.instrument import Instrument
from acquisition.source import Truth, blocks, open_source

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_finish() -> None:
    """What is loaded by now stays: who collects garbage need not look through all of it each time."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Libraries that look whether all of theirs is gone in the end shall find it so."""
    gc.unfreeze()


@dataclass(frozen=True)
class Stream:
    """A whole stream in memory, with what is known of its cells."""

    instrument: Instrument
    samples: Samples
    truth: Truth

    def blocks(self, cuts: list[int]) -> list[Block]:
        """The stream cut at these samples."""
        edges = [0, *sorted(cuts), self.samples.shape[0]]
        return [Block(self.samples[a:b], a) for a, b in itertools.pairwise(edges) if b > a]

    def events(self, blocks: list[Block] | None = None) -> list[Event]:
        """Events of the stream, or of blocks of it."""
        detector = detector_for(self.instrument)
        events = [event for block in blocks or self.blocks([]) for event in detector.push(block)]
        return events + detector.flush()


def whole_stream(url: str) -> Stream:
    """Read a source to its end."""
    with open_source(url) as source:
        parts = [block.data for block in blocks(source)]
        truth = source.truth()
        assert truth is not None
        return Stream(source.instrument, np.concatenate(parts), truth)


@pytest.fixture(scope="session")
def sheet() -> Stream:
    """Simulated: 24 white blood cells on the small light sheet, some of them close to each other."""
    return whole_stream("sim:sheet-ci?cells=24&seed=5&rate=30")


@pytest.fixture(scope="session")
def stretch() -> Stream:
    """Simulated: 10 white blood cells on the small time stretch."""
    return whole_stream("sim:stretch-ci?cells=10&seed=5&rate=200")


@pytest.fixture(scope="session")
def atom_record() -> Path:
    """The real time-stretch record."""
    path = DATA / "atom_trace" / "oil_emulsion.hdf5"
    if not DATA.is_dir():
        pytest.skip("the folder with real data is not beside this checkout")
    return path
