"""Streams with known samples, cut into blocks and holed in every way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from acquisition.block import Block, Samples
from acquisition.errors import EndOfStream, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.source import Source
from acquisition.trace import TraceWriter

REPOSITORY = Path(__file__).resolve().parents[2]
REAL_DATA = REPOSITORY.parent / "shared" / "data"
ATOM_RECORD = REAL_DATA / "atom_trace" / "oil_emulsion.hdf5"


def small_sheet() -> Instrument:
    """Two channels of 12 bits at 5 MS/s."""
    return instrument_preset("sheet-ci")


def ramp(instrument: Instrument, first: int, count: int) -> Samples:
    """Samples that name their own tick (modulo the converter's range) and differ between channels."""
    digitizer = instrument.digitizer
    ticks = np.arange(first, first + count, dtype=np.int64)[:, np.newaxis] + np.arange(len(instrument.channels))
    span = digitizer.highest - digitizer.lowest + 1
    return (ticks % span + digitizer.lowest).astype(digitizer.dtype)


def ramp_block(instrument: Instrument, first: int, count: int, epoch: int = 0, lost_before: int = 0) -> Block:
    return Block(ramp(instrument, first, count), first, epoch=epoch, lost_before=lost_before)


def write_trace(path: Path, blocks: Iterable[Block], instrument: Instrument | None = None, **options: int) -> Path:
    with TraceWriter(
        path, instrument or small_sheet(), origin=Origin.SIMULATED, description="a ramp", **options
    ) as writer:
        for block in blocks:
            writer.append(block)
    return path


def play(source: Source, patience: int = 50) -> list[Block]:
    """All blocks of a finite source."""
    source.start()
    blocks: list[Block] = []
    while patience:
        try:
            blocks.append(source.read(timeout_s=0.2))
        except SourceTimeout:
            patience -= 1
        except EndOfStream:
            return blocks
    raise AssertionError("the source did not end")


def places(blocks: Iterable[Block]) -> list[tuple[int, int, int]]:
    """Epoch, tick and loss at every place where samples are missing or the clock was started again."""
    found = []
    expected: tuple[int, int] | None = None
    for block in blocks:
        if block.lost_before or (block.epoch, block.first_sample) != expected:
            found.append((block.epoch, block.first_sample, block.lost_before))
        expected = (block.epoch, block.end_sample)
    return found


def samples_of(blocks: Iterable[Block]) -> Samples:
    return np.concatenate([block.data for block in blocks])
