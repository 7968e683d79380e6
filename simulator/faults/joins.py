"""Streams that are joined again after an overrun, in an epoch of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from acquisition.block import Block
from acquisition.source import Truth


@dataclass(frozen=True, slots=True)
class _Join:
    epoch: int
    """Epoch of the wrapped source."""
    tick: int
    """Where the reader joined, on the clock that was there before; its own begins there at 0."""
    starts: int
    """Epochs that began here: more than one where a start brought no block."""


class Joins:
    """Counts epochs and ticks as a reader does who starts again after each overrun, while the signal goes on.

    A digitizer that is started again counts its samples from 0, in a new epoch; what passed in between is gone.
    """

    def __init__(self) -> None:
        self._epochs_before = 0
        self._joins: list[_Join] = []
        self._starts = 0

    def play(self) -> None:
        """Note that the wrapped source begins a play of its own; its epochs follow those that were given."""
        self._epochs_before += self._epochs_joined() + self._starts
        self._joins.clear()
        self._starts = 0

    def join(self) -> None:
        """Note that the next block begins an epoch."""
        self._starts += 1

    def on_readers_clock(self, block: Block) -> Block:
        """Return a block of the play as the reader counts."""
        if self._starts:
            self._joins.append(_Join(block.epoch, block.first_sample, self._starts))
            self._starts = 0
        last = self._joins[-1] if self._joins else None
        began = last.tick if last is not None and last.epoch == block.epoch else 0
        epoch = block.epoch + self._epochs_before + self._epochs_joined()
        return replace(block, epoch=epoch, first_sample=block.first_sample - began)

    def truth_on_readers_clock(self, truth: Truth) -> Truth:
        """Return the truth of the play as the reader counts; what passed unseen is after the end of its epoch."""
        moved = dict(truth)
        if not (self._joins or self._epochs_before) or not {"epoch", "tick"} <= moved.keys():
            return moved
        epochs, ticks = np.asarray(truth["epoch"], np.int64), np.asarray(truth["tick"], np.float64)
        joined, began = np.zeros_like(epochs), np.zeros_like(ticks)
        for join in self._joins:
            here = (epochs == join.epoch) & (ticks >= join.tick)
            joined[here | (epochs > join.epoch)] += join.starts
            began[here] = join.tick
        return {**moved, "epoch": epochs + self._epochs_before + joined, "tick": ticks - began}

    def _epochs_joined(self) -> int:
        return sum(join.starts for join in self._joins)
