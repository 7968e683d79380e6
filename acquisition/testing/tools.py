"""What checks are made of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import cast

import numpy as np

from acquisition.block import Block, Samples
from acquisition.errors import EndOfStream, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.source import Source

MakeSource = Callable[[], Source]
Check = Callable[[MakeSource], None]

TIMEOUT_S = 0.2
_SAMPLES = 200_000
PATIENCE_S = 10.0
_CHANNEL_STEP = 7


def ramp(instrument: Instrument, first_sample: int, n_samples: int) -> Samples:
    """Return the samples of a counter, `(n_samples, n_channels)`.

    Tick t of channel c is (t + 7 c) mod 2**bits + lowest, in the digitizer's own type. A digitizer
    that sends it shows every sample that is lost, exchanged, of another channel or of another sign.
    """
    digitizer = instrument.digitizer
    ticks = np.arange(first_sample, first_sample + n_samples)[:, np.newaxis]
    counts = (ticks + _CHANNEL_STEP * np.arange(len(instrument.channels))) % (1 << digitizer.bits) + digitizer.lowest
    return cast("Samples", counts.astype(digitizer.dtype))


def take(source: Source, n_samples: int | None = _SAMPLES, *, copy: bool = True) -> list[Block]:
    """Read at least `n_samples` (None: all), or to the end; `copy` keeps what a source would use again."""
    blocks: list[Block] = []
    got = 0
    deadline = time.monotonic() + PATIENCE_S
    while n_samples is None or got < n_samples:
        try:
            block = source.read(TIMEOUT_S)
        except SourceTimeout:
            expect(time.monotonic() < deadline, f"no samples came in {PATIENCE_S:g} s")
            continue
        except EndOfStream:
            break
        deadline = time.monotonic() + PATIENCE_S
        got += block.n_samples
        blocks.append(replace(block, data=block.data.copy()) if copy and block.borrowed else block)
    return blocks


def joined(source: Source) -> Samples:
    """Return the first samples of a started source."""
    return np.concatenate([block.data for block in take(source)])[:_SAMPLES]


def read_to_end(source: Source, ended: threading.Event, faults: list[Exception]) -> None:
    """Read until the stream ends, and say so, or what was raised in place of that."""
    try:
        while True:
            with suppress(SourceTimeout):
                source.read(PATIENCE_S)
    except EndOfStream:
        ended.set()
    except Exception as fault:
        faults.append(fault)


def expect(holds: bool | np.bool_, otherwise: str) -> None:
    """Raise `AssertionError` with a sentence where something does not hold."""
    if not holds:
        raise AssertionError(f"{otherwise}.")


def expect_error(kind: type[Exception], call: Callable[[], object], what: str) -> None:
    """Raise `AssertionError` where a call does not raise this kind of error."""
    try:
        call()
    except kind:
        return
    except Exception as other:
        raise AssertionError(f"{what} must raise {kind.__name__}, not {type(other).__name__}.") from other
    raise AssertionError(f"{what} must raise {kind.__name__}.")
