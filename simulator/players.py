"""One play of a simulation, from its first sample on: made as it flows, or a loop made before."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.clipping import count_clipped
from acquisition.source import Truth
from simulator.loop import Loop
from simulator.stream import SimulatedStream
from simulator.truth import truth_columns

Clipped = npt.NDArray[np.int64]


class Player(Protocol):
    """Gives samples in order, in pieces of any size."""

    def take(self, n: int) -> tuple[Samples, Clipped]:
        """Return the next `n` samples `(n, n_channels)`, fewer or none at the end, and how many are clipped."""

    def truth(self, epoch: int) -> Truth:
        """Return what has passed in the samples taken so far."""

    def close(self) -> None:
        """End what works for this play."""


class FlowPlayer:
    """Plays a stream that is made as it flows."""

    def __init__(self, stream: SimulatedStream) -> None:
        self._stream = stream
        self._frames = stream.frames()
        self._rest: list[Samples] = []
        self._rest_samples = 0
        self._tick = 0

    def take(self, n: int) -> tuple[Samples, Clipped]:
        """See `Player`."""
        while self._rest_samples < n:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._rest.append(frame)
            self._rest_samples += frame.shape[0]
        instrument = self._stream.setup.instrument
        if not self._rest:
            nothing = np.empty((0, len(instrument.channels)), dtype=instrument.digitizer.dtype)
            return nothing, np.zeros(nothing.shape[1], dtype=np.int64)
        joined: Samples = self._rest[0] if len(self._rest) == 1 else cast("Samples", np.concatenate(self._rest))
        samples, rest = joined[:n], joined[n:]
        self._rest, self._rest_samples = ([rest], rest.shape[0]) if rest.shape[0] else ([], 0)
        self._tick += samples.shape[0]
        return samples, count_clipped(samples, instrument.digitizer)

    def truth(self, epoch: int) -> Truth:
        """See `Player`."""
        return truth_columns((passage for passage in self._stream.placed if passage.tick < self._tick), epoch)

    def close(self) -> None:
        """See `Player`."""
        self._frames.close()
        self._stream.close()


class LoopPlayer:
    """Plays a loop round and round.

    Parameters
    ----------
    loop
        What is played.
    end_tick
        Where the play ends; None for never.
    """

    def __init__(self, loop: Loop, end_tick: int | None) -> None:
        self._loop = loop
        self._end_tick = end_tick
        self._tick = 0

    def take(self, n: int) -> tuple[Samples, Clipped]:
        """See `Player`; the samples are a read-only view of the loop, never copied."""
        count = n if self._end_tick is None else max(0, min(n, self._end_tick - self._tick))
        samples, clipped = self._loop.block(self._tick, count), self._loop.clipped_in(self._tick, count)
        self._tick += count
        return samples, clipped

    def truth(self, epoch: int) -> Truth:
        """See `Player`; the column `turn` says in which turn of the loop each passed."""
        return self._loop.passed(self._tick, epoch)

    def close(self) -> None:
        """See `Player`."""
