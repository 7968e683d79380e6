"""The making of a loop: every frame of it once, with what flows over its end flowing into its beginning."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from acquisition.errors import EndOfStream
from simulator.arrivals import passings
from simulator.cells.levels import ImageLevel
from simulator.cells.specimen import Specimens
from simulator.loop import Loop, passage_ticks
from simulator.optics.forward import Shadow
from simulator.optics.picture import Picture
from simulator.rendering import FRAME_SAMPLES, Floats, Renderer, flow_span_um
from simulator.setup import Setup
from simulator.truth import Passage
from simulator.workers import Workers

Ticks = npt.NDArray[np.float64]

_SETTLING_FRAMES = 64
"""Frames from the end of the loop that filters are settled with before its beginning."""


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
        self._enters, self._leaves = self._spans()
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
        return Loop(samples, n, tuple(at_ends), tuple(passages), passage_ticks(self._setup))

    def _spans(self) -> tuple[Ticks, Ticks]:
        """Return the ticks at which all that passes begins and ends to touch the light, in three turns: `(3, n)`."""
        first_um, last_um = flow_span_um(self._setup)
        sample_rate_hz = self._setup.instrument.sample_rate_hz
        per_um = sample_rate_hz / (np.array([passing.speed_m_s for passing in self._passings]) * 1e6)
        ticks = np.array([passing.tick for passing in self._passings]) + self._n_samples * np.array([[-1], [0], [1]])
        return ticks + first_um * per_um, ticks + last_um * per_um

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
        turns, places = np.nonzero((self._enters < end) & (self._leaves > start))
        return [(k, turn - 1) for k, turn in zip(places.tolist(), turns.tolist(), strict=True)]

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
