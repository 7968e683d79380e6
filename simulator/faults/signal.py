"""What goes wrong in front of the converter: its input leaves the range, its clock leaves its reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from acquisition.block import Block
from acquisition.clipping import count_clipped
from acquisition.instrument import Instrument
from simulator.faults.fault import Fault, Injector, Reader, Step
from simulator.faults.values import whole


@dataclass(frozen=True, slots=True)
class Clip(Fault):
    """Every input is above the converter's range for the block, whose samples are all at its end and counted."""

    def injector(self, instrument: Instrument) -> Injector:
        """Return a new injector for one stream."""
        return _Clipping(instrument)


class _Clipping(Injector):
    def __init__(self, instrument: Instrument) -> None:
        super().__init__()
        self._digitizer = instrument.digitizer

    def steps(self, block: Block, fires: bool) -> list[Step]:
        if not fires:
            return [block]
        self.count += 1
        data = np.full_like(block.data, self._digitizer.highest)
        clipped = None if block.clipped is None else count_clipped(data, self._digitizer)
        return [replace(block, data=data, clipped=clipped)]


@dataclass(frozen=True, slots=True)
class Unlock(Fault):
    """The sample clock leaves its reference and runs fast for the block, which nothing in the block says.

    It takes as many samples as it should in less time, and is back at its rate, later on the signal, with the next
    block: the signal's own period is longer meanwhile, and the phase has jumped in the end.

    Attributes
    ----------
    samples
        By how much the clock is ahead at the end of the block, in samples; None is a hundredth of the block.
    """

    samples: int | None = None

    OPTIONS: ClassVar[Mapping[str, tuple[str, Reader]]] = {"samples": ("samples", whole)}

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Unlocking(self.samples)


class _Unlocking(Injector):
    def __init__(self, samples: int | None) -> None:
        super().__init__()
        self._samples = samples

    def steps(self, block: Block, fires: bool) -> list[Step]:
        if not fires or block.n_samples == 0:
            return [block]
        self.count += 1
        ahead = min(self._samples or block.n_samples // 100, block.n_samples)
        seen = np.arange(block.n_samples) * (block.n_samples - ahead) // block.n_samples
        return [replace(block, data=block.data[seen])]
