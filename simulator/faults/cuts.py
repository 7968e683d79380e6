"""Blocks that are cut, given twice or hold nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from acquisition.block import Block
from acquisition.instrument import Instrument
from simulator.faults.fault import Fault, Injector, Reader, Step, part
from simulator.faults.values import whole


@dataclass(frozen=True, slots=True)
class Short(Fault):
    """The block is cut short; the rest comes next, and nothing is lost.

    Attributes
    ----------
    samples
        Samples of the first part; None is half the block. A block that is no longer is left whole, and not counted.
    """

    samples: int | None = None

    OPTIONS: ClassVar[Mapping[str, tuple[str, Reader]]] = {"samples": ("samples", whole)}

    def injector(self, instrument: Instrument) -> Injector:
        """Return a new injector for one stream."""
        return _Cutting(self.samples, instrument)


class _Cutting(Injector):
    def __init__(self, samples: int | None, instrument: Instrument) -> None:
        super().__init__()
        self._samples = samples
        self._instrument = instrument

    def steps(self, block: Block, fires: bool) -> list[Step]:
        first = self._samples or block.n_samples // 2
        if not fires or not 0 < first < block.n_samples:
            return [block]
        self.count += 1
        return [part(block, 0, first, self._instrument), part(block, first, block.n_samples, self._instrument)]


@dataclass(frozen=True, slots=True)
class Repeat(Fault):
    """The block comes twice, the same in everything: a reader knows it by its ticks, which it has had before."""

    KEEPS_COUNT: ClassVar[bool] = False

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Repeating()


class _Repeating(Injector):
    def steps(self, block: Block, fires: bool) -> list[Step]:
        self.count += fires
        return [block, block] if fires else [block]


@dataclass(frozen=True, slots=True)
class Empty(Fault):
    """A block without samples comes before the block."""

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Nothing()


class _Nothing(Injector):
    def steps(self, block: Block, fires: bool) -> list[Step]:
        if not fires:
            return [block]
        self.count += 1
        nothing = replace(
            block,
            data=block.data[:0],
            first_sample=block.first_sample - max(0, block.lost_before),
            lost_before=0,
            clipped=None if block.clipped is None else np.zeros_like(block.clipped),
            borrowed=False,
        )
        return [nothing, block]
