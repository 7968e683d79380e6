"""One stream's faults at work: which happen with which block, and what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from acquisition.block import Block
from acquisition.instrument import Instrument
from acquisition.source import Truth
from simulator.faults.contents import STAMP_BITS
from simulator.faults.fault import Failure, Fault, Injector, Step
from simulator.faults.losses import UncountedLoss
from simulator.faults.registry import FAULTS, name_of
from simulator.randomness import Purpose, random_stream

_ORDER = list(FAULTS)
_STREAMS_PER_START = 1 << 16


@dataclass(slots=True)
class _Entry:
    """A fault at work; `owed` if it was to happen with a block that an earlier fault took away."""

    fault: Fault
    injector: Injector
    random: np.random.Generator
    armed: bool
    owed: bool = False


class Injection:
    """The faults of one start.

    Parameters
    ----------
    faults
        In the order of their random streams.
    instrument
        Of the blocks.
    seed
        Of the random streams.
    starts
        How often the source was started before.
    stamped
        Give blocks without a device time stamp one that counts samples from the start.
    """

    def __init__(
        self, faults: Sequence[Fault], instrument: Instrument, seed: int, starts: int, *, stamped: bool
    ) -> None:
        entries = []
        for place, fault in enumerate(faults):
            stream = place + (_STREAMS_PER_START * starts if fault.ONCE else 0)
            random = random_stream(seed, Purpose.FAULTS, stream)
            again = fault.ONCE and fault.when.at_s is not None and starts > 0
            entries.append(_Entry(fault, fault.injector(instrument), random, armed=not again))
        self._entries = sorted(entries, key=lambda entry: _ORDER.index(name_of(entry.fault)))
        self._rate_hz = instrument.sample_rate_hz
        self._stamped = stamped
        self._ticks = 0

    def steps(self, block: Block) -> list[Step]:
        """Return what takes the place of a block of the wrapped source."""
        began = self._ticks
        self._ticks += block.n_samples + max(0, block.lost_before)
        if self._stamped and block.device_ticks is None:
            block = replace(block, device_ticks=self._ticks % (1 << STAMP_BITS))
        for entry in self._entries:
            draw = float(entry.random.random())
            if entry.armed:
                entry.owed |= entry.fault.when.fires(began / self._rate_hz, self._ticks / self._rate_hz, draw)
        return self._through([block], 0)

    def finish(self) -> list[Step]:
        """Return what the faults hold back, once."""
        left: list[Step] = []
        for place, entry in enumerate(self._entries):
            left += self._through(entry.injector.finish(), place + 1)
        return left

    def counts(self) -> Counter[str]:
        """How often each fault has happened, by name."""
        sums: Counter[str] = Counter()
        for entry in self._entries:
            sums[name_of(entry.fault)] += entry.injector.count
        return sums

    def samples_lost(self) -> Counter[str]:
        """How many samples each fault has taken away, by name."""
        sums: Counter[str] = Counter()
        for entry in self._entries:
            sums[name_of(entry.fault)] += entry.injector.samples_lost
        return sums

    def on_readers_clock(self, truth: Truth) -> Truth:
        """Return the truth with its ticks as the reader counts them."""
        moved = dict(truth)
        if {"epoch", "tick"} <= moved.keys():
            for entry in self._entries:
                if isinstance(entry.injector, UncountedLoss) and entry.injector.places:
                    epochs = np.asarray(moved["epoch"], np.int64)
                    ticks = np.asarray(moved["tick"], np.float64)
                    moved["tick"] = entry.injector.on_readers_clock(epochs, ticks)
        return moved

    def _through(self, steps: Sequence[Step], first: int) -> list[Step]:
        """Send steps through the faults from one on; nothing comes after a failure."""
        current = list(steps)
        for entry in self._entries[first:]:
            passed: list[Step] = []
            for step in current:
                if not isinstance(step, Block):
                    passed.append(step)
                    continue
                fires, entry.owed = entry.owed, False
                passed += entry.injector.steps(step, fires)
            ends = [place for place, step in enumerate(passed) if isinstance(step, Failure)]
            current = passed[: ends[0] + 1] if ends else passed
        return current
