"""Any source with faults put in: the same samples otherwise, and every fault counted."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import numpy as np

from acquisition.block import Block, Samples
from acquisition.errors import DeviceLost, EndOfStream, Overrun, SourceError, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.pace import Pace
from acquisition.source import Source, Truth
from acquisition.truth_table import delivered
from simulator.faults.contents import Reset, Wrap
from simulator.faults.fault import Failure, Fault, Pause, Step
from simulator.faults.grammar import parse_faults
from simulator.faults.injection import Injection
from simulator.faults.joins import Joins
from simulator.faults.registry import name_of


class FaultySource:
    """A source as a driver with faults would give it.

    States and threads as in `Source`. Schedules count from each start and their random numbers from the seed, so every
    start has the same faults at the same blocks. The start after an overrun is no such start: the signal went on
    meanwhile, and the reader joins it behind the block that was lost, in the next epoch, with ticks from 0.

    Parameters
    ----------
    source
        What is wrapped, not started; closed together with this one.
    faults
        What happens; they act in the order of the registry, whatever their order here.
    seed
        Of the schedules with a rate.

    Raises
    ------
    ConfigError
        If a fault cannot happen to this instrument.
    """

    def __init__(self, source: Source, faults: Sequence[Fault], seed: int) -> None:
        for fault in faults:
            fault.check(source.instrument)
        self._source = source
        self._faults = tuple(faults)
        self._seed = seed
        self._starts = 0
        self._counts: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._injection: Injection | None = None
        self._steps: deque[Step] = deque()
        self._due_s: float | None = None
        self._lent: Samples | None = None
        self._buffer: Samples | None = None
        self._reached: tuple[int, int] | None = None
        self._over = threading.Event()
        self._gone: DeviceLost | None = None
        self._overran = False
        self._joins = Joins()

    @property
    def instrument(self) -> Instrument:
        """The instrument that the samples come from."""
        return self._source.instrument

    @property
    def waits(self) -> bool:
        """As the wrapped source."""
        return self._source.waits

    @property
    def origin(self) -> Origin:
        """As the wrapped source: faults change what arrives, not what was measured."""
        return self._source.origin

    @property
    def description(self) -> str:
        """One line for people."""
        return f"{self._source.description}, with faults: {', '.join(name_of(fault) for fault in self._faults)}"

    @property
    def total_samples(self) -> int | None:
        """As the wrapped source; None if a fault changes it."""
        return self._source.total_samples if all(fault.KEEPS_COUNT for fault in self._faults) else None

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each fault has happened since the source was opened, by name."""
        now = self._counts.copy()
        if self._injection is not None:
            now.update(self._injection.counts())
        return {name_of(fault): now[name_of(fault)] for fault in self._faults}

    @property
    def samples_lost(self) -> Mapping[str, int]:
        """Samples per channel that each fault has taken away since the source was opened, by name."""
        now = self._lost.copy()
        if self._injection is not None:
            now.update(self._injection.samples_lost())
        return {name_of(fault): now[name_of(fault)] for fault in self._faults if now[name_of(fault)]}

    def start(self) -> None:
        """Start the wrapped source, and the schedules; after an overrun, go on with both.

        Raises
        ------
        DeviceLost
            If the device is gone.
        """
        if self._gone is not None:
            raise self._gone
        if self._overran:
            self._overran = False
            self._joins.join()
        else:
            self._play()
        self._over.clear()

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block, or what happens in place of it.

        Raises
        ------
        SourceTimeout, EndOfStream
            As the wrapped source, and where a fault holds a block back.
        Overrun, DeviceLost
            Also where a fault says so.
        """
        if self._gone is not None:
            raise self._gone
        if self._injection is None:
            raise SourceError("The source does not run; call start first.")
        if self._lent is not None:
            self._lent.fill(self.instrument.digitizer.highest)
            self._lent = None
        deadline_s, asked = time.monotonic() + timeout_s, False
        while True:
            left_s = max(0.0, deadline_s - time.monotonic())
            if self._over.is_set():
                raise EndOfStream("The stream has ended.")
            if not self._steps:
                if asked and left_s == 0:
                    raise SourceTimeout("All that came was lost (an injected fault).")
                asked = True
                self._steps.extend(self._next_steps(self._injection, left_s))
                continue
            if isinstance(self._steps[0], Pause):
                self._wait(self._steps[0], left_s)
                continue
            step = self._steps.popleft()
            if isinstance(step, Failure):
                self._fail(step.error)
            elif isinstance(step, Block):
                return self._deliver(step)

    def stop(self) -> None:
        """End the stream, from any thread."""
        self._over.set()
        # After an overrun there is nothing to end but the signal, which the next start joins.
        if not self._overran:
            self._source.stop()

    def truth(self) -> Truth | None:
        """Return what the wrapped source knows of the cells delivered so far, on the ticks of this one.

        Cells whose samples were lost are among them.
        """
        truth = self._source.truth()
        if truth is None or self._injection is None:
            return truth
        moved = self._joins.truth_on_readers_clock(self._injection.on_readers_clock(truth))
        return moved if self._reached is None else delivered(moved, *self._reached)

    def close(self) -> None:
        """Close the wrapped source; may be called twice."""
        self._over.set()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _play(self) -> None:
        self._source.start()
        self._keep_counts()
        stamped = any(isinstance(fault, Reset | Wrap) for fault in self._faults)
        self._injection = Injection(self._faults, self.instrument, self._seed, self._starts, stamped=stamped)
        self._starts += 1
        self._steps.clear()
        self._due_s = None
        self._reached = None
        self._joins.play()

    def _next_steps(self, injection: Injection, timeout_s: float) -> list[Step]:
        """Return the steps of the wrapped source's next block; after its end, what was held back."""
        try:
            block = self._source.read(timeout_s)
        except EndOfStream:
            left = injection.finish()
            if not left or self._over.is_set():
                raise
            return left
        if block.borrowed:
            own = replace(block, data=block.data.copy(), borrowed=False)
            block.release()
            block = own
        return injection.steps(block)

    def _wait(self, pause: Pause, left_s: float) -> None:
        if self._due_s is None:
            self._due_s = time.monotonic() + pause.seconds
        wait_s = self._due_s - time.monotonic()
        if self._over.wait(max(0.0, min(wait_s, left_s))):
            raise EndOfStream("The stream was stopped.")
        if wait_s <= left_s:
            self._steps.popleft()
            self._due_s = None
        if wait_s > left_s or pause.idle:
            raise SourceTimeout("The device gives nothing (an injected fault).")

    def _fail(self, error: SourceError) -> None:
        self._steps.clear()
        self._over.set()
        if isinstance(error, Overrun):
            self._overran = True
        else:
            self._source.stop()
        if isinstance(error, DeviceLost):
            self._gone = error
        raise error

    def _deliver(self, block: Block) -> Block:
        block = self._joins.on_readers_clock(block)
        self._reached = max(self._reached or (-1, 0), (block.epoch, block.end_sample))
        if not block.borrowed:
            return block
        if self._buffer is None or self._buffer.shape[0] < block.n_samples or self._buffer.dtype != block.data.dtype:
            self._buffer = np.empty_like(block.data)
        self._lent = self._buffer[: block.n_samples]
        self._lent[...] = block.data
        return replace(block, data=self._lent)

    def _keep_counts(self) -> None:
        if self._injection is not None:
            self._counts.update(self._injection.counts())
            self._lost.update(self._injection.samples_lost())


def steady_block(instrument: Instrument) -> int:
    """Return samples of a block that do not depend on the pace, so that faults do not either."""
    return Pace(instrument.sample_rate_hz, 1.0).suitable_block()


def with_faults(source: Source, text: str, seed: int) -> Source:
    """Return a source with the faults that a text names; the source itself where it names none.

    Parameters
    ----------
    source
        Closed if the text does not make sense.
    text
        As for `parse_faults`.
    seed
        Of the schedules with a rate.

    Raises
    ------
    ConfigError
        If the text does not make sense, or a fault cannot happen to this instrument.
    """
    try:
        faults = parse_faults(text)
        return FaultySource(source, faults, seed) if faults else source
    except BaseException:
        source.close()
        raise
