"""Samples and time stamps that are not what they should be, and buffers that are used again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np

from acquisition.block import Block, Samples
from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from simulator.faults.fault import Fault, Injector, Step

STAMP_BITS = 40
"""Width of the time stamps of a common digitizer (source: specification D.1)."""


@dataclass(frozen=True, slots=True)
class Swap(Fault):
    """The order of the channels is turned round, and turned back the next time."""

    def check(self, instrument: Instrument) -> None:
        """Refuse an instrument of one channel."""
        if len(instrument.channels) < 2:
            raise ConfigError(f"'{instrument.name}' has one channel, so the fault 'swap' cannot happen; leave it out.")

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Swapping()


class _Swapping(Injector):
    _swapped = False

    def steps(self, block: Block, fires: bool) -> list[Step]:
        if fires:
            self.count += 1
            self._swapped = not self._swapped
        if not self._swapped:
            return [block]
        clipped = None if block.clipped is None else block.clipped[::-1].copy()
        turned = cast("Samples", np.ascontiguousarray(block.data[:, ::-1]))
        return [replace(block, data=turned, clipped=clipped)]


@dataclass(frozen=True, slots=True)
class Format(Fault):
    """The samples become unsigned with their middle at half range (offset binary), and signed again the next time.

    Such blocks break the contract of `Block`: a reader must refuse them, not reckon with them.
    """

    def injector(self, instrument: Instrument) -> Injector:
        """Return a new injector for one stream."""
        return _Unsigned(instrument.digitizer.lowest)


class _Unsigned(Injector):
    def __init__(self, lowest: int) -> None:
        super().__init__()
        self._lowest = lowest
        self._unsigned = False

    def steps(self, block: Block, fires: bool) -> list[Step]:
        if fires:
            self.count += 1
            self._unsigned = not self._unsigned
        if not self._unsigned:
            return [block]
        type_ = np.uint8 if block.data.dtype == np.int8 else np.uint16
        wrong = (block.data.astype(np.int32) - self._lowest).astype(type_)
        return [replace(block, data=cast("Samples", wrong))]


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """The device's time stamps begin again at 0 with the block; ticks, which are not made of them, go on."""

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Resetting()


class _Resetting(Injector):
    _origin = 0

    def steps(self, block: Block, fires: bool) -> list[Step]:
        stamp = block.device_ticks or 0
        if fires:
            self.count += 1
            self._origin = stamp
        return [replace(block, device_ticks=stamp - self._origin)]


@dataclass(frozen=True, slots=True)
class Wrap(Fault):
    """The device's time stamps, of 40 bits, begin near their end and pass it at the time given."""

    ONLY_AT: ClassVar[bool] = True

    def injector(self, instrument: Instrument) -> Injector:
        """Return a new injector for one stream."""
        return _Wrapping(round((self.when.at_s or 0.0) * instrument.sample_rate_hz))


class _Wrapping(Injector):
    def __init__(self, at_ticks: int) -> None:
        super().__init__()
        self._shift = -at_ticks

    def steps(self, block: Block, fires: bool) -> list[Step]:
        self.count += fires
        return [replace(block, device_ticks=((block.device_ticks or 0) + self._shift) % (1 << STAMP_BITS))]


@dataclass(frozen=True, slots=True)
class Reuse(Fault):
    """The block is a borrowed view of one buffer, which is overwritten when the next block is read."""

    NEEDS_SCHEDULE: ClassVar[bool] = False

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Lending()


class _Lending(Injector):
    def steps(self, block: Block, fires: bool) -> list[Step]:
        self.count += fires
        # The buffer itself is the source's: it knows when the next read comes.
        return [replace(block, borrowed=True) if fires else block]
