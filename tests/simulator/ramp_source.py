"""A stream whose every sample says where it stands, with a cell every thousand samples."""

from __future__ import annotations

import numpy as np

from acquisition.block import Block
from acquisition.errors import EndOfStream, SourceError, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.pace import Pace
from acquisition.presets import instrument_preset
from acquisition.testing import ramp

SHEET = instrument_preset("sheet-ci")
STRETCH = instrument_preset("stretch-ci")
__all__ = ["SHEET", "STRETCH", "RampSource", "collect", "ramp"]


class RampSource:
    """Counts up modulo the converter's range; finite, at the pace asked for, live or waiting."""

    origin = Origin.SIMULATED

    def __init__(
        self,
        instrument: Instrument = SHEET,
        *,
        samples: int = 100_000,
        block: int = 1000,
        speed: float | None = None,
        waits: bool = True,
    ) -> None:
        self.instrument, self.waits, self.total_samples = instrument, waits, samples
        self.description = "a ramp"
        self._block = block
        self._pace = Pace(instrument.sample_rate_hz, speed)
        self._epoch, self._tick, self._closed = -1, 0, False

    def start(self) -> None:
        if self._closed:
            raise SourceError("The ramp is closed.")
        self._epoch, self._tick = self._epoch + 1, 0
        self._pace.start()

    def read(self, timeout_s: float = 1.0) -> Block:
        if self._epoch < 0:
            raise SourceError("The ramp does not run.")
        count = min(self._block, self.total_samples - self._tick)
        if count == 0:
            raise EndOfStream("The ramp has ended.")
        self._pace.wait(self._tick + count, timeout_s)
        block = Block(ramp(self.instrument, self._tick, count), self._tick, self._epoch, clipped=None)
        self._tick += count
        return block

    def stop(self) -> None:
        self._pace.stop()

    def truth(self) -> dict[str, np.ndarray]:
        tick = np.arange(500.0, self._tick, 1000)
        rows = np.arange(len(tick))
        return {
            "cell": rows,
            "kind": np.full(len(tick), b"ramp"),
            "epoch": rows * 0 + max(self._epoch, 0),
            "tick": tick,
        }

    def close(self) -> None:
        self._pace.stop()
        self._closed = True

    def __enter__(self) -> RampSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def collect(source, timeout_s: float = 5.0) -> list[Block]:
    """Every block of one start, own copies of borrowed ones."""
    source.start()
    got = []
    while True:
        try:
            block = source.read(timeout_s)
        except SourceTimeout:
            continue
        except EndOfStream:
            return got
        data = block.data.copy() if block.borrowed else block.data
        got.append(Block(data, block.first_sample, block.epoch, block.lost_before, device_ticks=block.device_ticks))
