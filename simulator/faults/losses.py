"""Samples that never reach the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.instrument import Instrument
from simulator.faults.fault import Fault, Injector, Reader, Step, part, sum_losses
from simulator.faults.values import whole


@dataclass(frozen=True, slots=True)
class Drop(Fault):
    """A loss of known size: the next block says how many samples are missing, and ticks jump by as many.

    Attributes
    ----------
    samples
        How many; None is the block that it happens with.
    """

    samples: int | None = None

    OPTIONS: ClassVar[Mapping[str, tuple[str, Reader]]] = {"samples": ("samples", whole)}
    KEEPS_COUNT: ClassVar[bool] = False

    def injector(self, instrument: Instrument) -> Injector:
        """Return a new injector for one stream."""
        return Loss(self.samples, instrument)


@dataclass(frozen=True, slots=True)
class Lose(Drop):
    """A loss of unknown size: the next block says only that samples are missing, and ticks go on as if none were.

    From there to the end of the epoch the reader's ticks differ from the instrument's; the truth is given on the
    reader's.
    """

    def injector(self, instrument: Instrument) -> Injector:
        """Return a new injector for one stream."""
        return UncountedLoss(self.samples, instrument)


class Loss(Injector):
    """Takes samples out of a stream, and has the block after them say so."""

    def __init__(self, samples: int | None, instrument: Instrument) -> None:
        super().__init__()
        self._samples = samples
        self._instrument = instrument
        self._left = 0
        self._owed: Block | None = None

    def steps(self, block: Block, fires: bool) -> list[Step]:
        """Return what is left of a block."""
        if fires:
            self.count += 1
            self._left += self._samples or block.n_samples
        taken = min(self._left, block.n_samples)
        self._left -= taken
        self.samples_lost += taken
        if self._owed is None and taken == 0:
            return [block]
        owed = 0 if self._owed is None else self._owed.lost_before
        rest = replace(
            part(block, taken, block.n_samples, self._instrument),
            lost_before=sum_losses(owed, block.lost_before, taken),
        )
        self._owed = rest if rest.n_samples == 0 else None
        return [] if rest.n_samples == 0 else [rest]

    def finish(self) -> list[Step]:
        """Return an empty block that says what was lost at the very end."""
        owed, self._owed = self._owed, None
        return [] if owed is None else [owed]


class UncountedLoss(Loss):
    """Takes samples out of a stream that counts its ticks by what it delivers."""

    def __init__(self, samples: int | None, instrument: Instrument) -> None:
        super().__init__(samples, instrument)
        self._epoch = 0
        self._shift = 0
        self._unsaid = False
        self.places: list[tuple[int, int, int]] = []
        """Epoch, tick on the instrument's clock and number of samples of every loss."""

    def steps(self, block: Block, fires: bool) -> list[Step]:
        """Return what is left of a block, on the reader's ticks."""
        if block.epoch != self._epoch:
            self._epoch, self._shift = block.epoch, 0
        before = self.samples_lost
        passed = Loss.steps(self, block, fires)
        taken = self.samples_lost - before
        if taken:
            self.places.append((block.epoch, block.first_sample, taken))
            self._shift += taken
            self._unsaid = True
        return [self._on_readers_ticks(step) for step in passed if isinstance(step, Block)]

    def finish(self) -> list[Step]:
        """Return an empty block that says that something was lost at the very end."""
        return [self._on_readers_ticks(step) for step in Loss.finish(self) if isinstance(step, Block)]

    def on_readers_clock(
        self, epochs: npt.NDArray[np.int64], ticks: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return ticks of the instrument, `(n,)`, as a reader counts them; lost places are where the loss is."""
        moved = ticks.copy()
        for epoch, tick, samples in self.places:
            moved[epochs == epoch] -= np.clip(ticks[epochs == epoch] - tick, 0, samples)
        return moved

    def _on_readers_ticks(self, block: Block) -> Block:
        lost = UNKNOWN_LOSS if self._unsaid else block.lost_before
        self._unsaid = False
        return replace(block, first_sample=block.first_sample - self._shift, lost_before=lost)
