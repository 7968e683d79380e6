"""A stretch of samples, made once and played round and round without a seam, for rates too high to make live."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.errors import ConfigError, EndOfStream
from acquisition.source import Truth
from simulator.arrivals import passings
from simulator.cells.levels import ImageLevel
from simulator.cells.specimen import Specimens
from simulator.optics.forward import Shadow
from simulator.optics.picture import Picture
from simulator.rendering import FRAME_SAMPLES, Floats, Renderer, flow_span_um
from simulator.setup import Setup
from simulator.stream import Extent
from simulator.truth import Passage, truth_columns
from simulator.workers import Workers

MOST_LOOP_BYTES = 2 << 30
_SETTLING_FRAMES = 64
"""Frames from the end of the loop that filters are settled with before its beginning."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One turn of a loop.

    Attributes
    ----------
    samples
        `(n_samples + most_block, n_channels)`, read-only: one turn, and the beginning of the next, so that every block
        is one piece of memory.
    n_samples
        Length of a turn.
    clipped
        For each channel the sorted ticks, within a turn, of samples at the ends of the converter's range.
    passages
        What flows in a turn, in order of ticks.
    passage_ticks
        How long what flows is in the light, at most.
    """

    samples: Samples
    n_samples: int
    clipped: tuple[npt.NDArray[np.int64], ...]
    passages: tuple[Passage, ...]
    passage_ticks: int

    def block(self, tick: int, n: int) -> Samples:
        """Return `n` samples from a tick on, without copying; `n` is at most the `most_block` of `render_loop`."""
        start = tick % self.n_samples
        return self.samples[start : start + n]

    def clipped_in(self, tick: int, n: int) -> npt.NDArray[np.int64]:
        """Return how many samples of each channel are clipped in a block, `(n_channels,)`."""
        start = tick % self.n_samples
        return np.array([self._clipped_below(c, start + n) - self._clipped_below(c, start) for c in self.clipped])

    def _clipped_below(self, ticks: npt.NDArray[np.int64], end: int) -> int:
        turns, rest = divmod(end, self.n_samples)
        return turns * ticks.size + int(np.searchsorted(ticks, rest))

    def end_tick(self, extent: Extent) -> int | None:
        """Where a play of that extent ends; None for never.

        Raises
        ------
        ConfigError
            If cells are asked for and none flows in the loop.
        """
        ends = [] if extent.samples is None else [extent.samples]
        if extent.cells is not None:
            ticks = [passage.tick for passage in self.passages if passage.is_cell]
            if not ticks:
                raise ConfigError("No cell passes in this loop; make it longer, or ask for seconds.")
            turns, rest = divmod(extent.cells - 1, len(ticks))
            ends.append(turns * self.n_samples + int(ticks[rest]) + self.passage_ticks)
        return min(ends, default=None)

    def passed(self, until_tick: int, epoch: int) -> Truth:
        """Return all that passed before a tick, on the clock of the stream; `turn` is the number of the turn."""
        turns, rest = divmod(until_tick, self.n_samples)
        once = truth_columns(self.passages, epoch)
        n = len(self.passages)
        count = turns * n + int(np.searchsorted(once["tick"], rest))
        rows = np.arange(count)
        turn, row = rows // max(n, 1), rows % max(n, 1)
        columns: dict[str, npt.NDArray[Any]] = {name: column[row] for name, column in once.items()}
        columns["cell"] += turn * n
        columns["tick"] += turn * self.n_samples
        return {**columns, "turn": turn}


def loop_samples(setup: Setup, length_s: float) -> int:
    """Return the length of a loop in samples: whole turns of the converter's cores.

    Raises
    ------
    ConfigError
        If it is shorter than a cell takes to pass, or does not fit into memory.
    """
    instrument = setup.instrument
    cores = instrument.digitizer.interleave_cores
    n = round(length_s * instrument.sample_rate_hz / cores) * cores
    shortest_s = _passage_ticks(setup) / instrument.sample_rate_hz
    bytes_needed = n * len(instrument.channels) * instrument.digitizer.dtype.itemsize
    if length_s < shortest_s:
        raise ConfigError(
            f"A loop of {length_s:g} s is shorter than a cell's passage; make it {shortest_s:.2g} s at least."
        )
    if bytes_needed > MOST_LOOP_BYTES:
        longest_s = length_s * MOST_LOOP_BYTES / bytes_needed
        raise ConfigError(f"A loop of {length_s:g} s does not fit into memory; make it {longest_s:.2g} s at most.")
    return n


def _passage_ticks(setup: Setup) -> int:
    first_um, last_um = flow_span_um(setup)
    instrument = setup.instrument
    return round(1.25 * (last_um - first_um) * instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6))


class LoopRendering:
    """Makes a loop; `cancel` ends it from any thread.

    Parameters
    ----------
    setup, sample, seed, level, threads
        As for `SimulatedStream`.
    n_samples
        From `loop_samples`.
    """

    def __init__(
        self, setup: Setup, sample: Specimens, seed: int, n_samples: int, *, level: ImageLevel, threads: int
    ) -> None:
        self._setup = setup
        self._n_samples = n_samples
        self._threads = threads
        self._renderer = Renderer(setup, seed, level, n_samples)
        coming = passings(setup, sample, seed, first_tick=0.0)
        self._passings = list(takewhile(lambda passing: passing.tick < n_samples, coming))
        self._passages: dict[int, Passage] = {}
        self._cancelled = threading.Event()
        self.done = 0.0
        """Share of the making that is over."""

    def cancel(self) -> None:
        """End the making; `render` raises `EndOfStream`."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def render(self, most_block: int) -> Loop:
        """Make the loop.

        Parameters
        ----------
        most_block
            Samples of the longest block that will be asked for.

        Raises
        ------
        EndOfStream
            It was cancelled.
        """
        instrument = self._setup.instrument
        n, renderer = self._n_samples, self._renderer
        samples = np.empty((n + most_block, len(instrument.channels)), dtype=instrument.digitizer.dtype)
        frames = -(-n // FRAME_SAMPLES)
        settling = range(max(0, frames - _SETTLING_FRAMES), frames)
        workers = Workers(self._threads)
        try:
            order = [*settling, *range(frames)]
            charges = workers.in_order(self._tasks(order, workers))
            for place, (frame, charge) in enumerate(zip(order, charges, strict=True)):
                self.done = place / len(order)
                if self._cancelled.is_set():
                    raise EndOfStream("The stream was stopped while its loop was being made.")
                signal = renderer.amplify(frame, charge)
                if place >= len(settling):
                    first = frame * FRAME_SAMPLES
                    samples[first : first + charge.shape[0]] = renderer.convert(frame, signal)
        finally:
            workers.close()
        for start in range(n, n + most_block, n):
            samples[start : start + n] = samples[: min(n, n + most_block - start)]
        samples.flags.writeable = False
        digitizer = instrument.digitizer
        at_ends = (np.flatnonzero((c <= digitizer.lowest) | (c >= digitizer.highest)) for c in samples[:n].T)
        passages = sorted(self._passages.values(), key=lambda passage: passage.tick)
        return Loop(samples, n, tuple(at_ends), tuple(passages), _passage_ticks(self._setup))

    def _tasks(self, frames: Sequence[int], workers: Workers) -> Iterator[Callable[[], Floats]]:
        """Give what has to be done for each frame; what flows over the end of the loop flows into its beginning."""
        made: dict[int, Future[Shadow]] = {}
        for frame in frames:
            first = frame * FRAME_SAMPLES
            count = min(FRAME_SAMPLES, self._n_samples - first)
            touching = self._touching(first, first + count)
            made = {
                k: made.get(k) or workers.submit(partial(self._shadow, k))
                for k in dict.fromkeys(k for k, _ in touching)
            }
            shadows = [_Shifted(made[k], turn * self._n_samples) for k, turn in touching]
            yield partial(self._renderer.charge, frame, count, shadows)

    def _touching(self, start: int, end: int) -> list[tuple[int, int]]:
        """All that may touch samples of the loop, and in which turn it passes."""
        first_um, last_um = flow_span_um(self._setup)
        found = []
        for turn in (-1, 0, 1):
            for k, passing in enumerate(self._passings):
                per_um = self._setup.instrument.sample_rate_hz / (passing.speed_m_s * 1e6)
                tick = passing.tick + turn * self._n_samples
                if tick + first_um * per_um < end and tick + last_um * per_um > start:
                    found.append((k, turn))
        return found

    def _shadow(self, k: int) -> Shadow:
        arrival = self._passings[k].arrival()
        self._passages[k] = Passage.of(arrival)
        return self._renderer.model.shadow(arrival)


@dataclass(frozen=True, slots=True)
class _Shifted:
    """A shadow in another turn of the loop; see `simulator.optics.forward.Shadow`."""

    shadow: Future[Shadow]
    ticks: int

    @property
    def first_tick(self) -> int:
        return self.shadow.result().first_tick + self.ticks

    @property
    def end_tick(self) -> int:
        return self.shadow.result().end_tick + self.ticks

    def lay(self, first_tick: int, light: Floats) -> None:
        self.shadow.result().lay(first_tick - self.ticks, light)

    def ideal(self) -> Mapping[str, Picture]:
        return self.shadow.result().ideal()
