"""The sample stream of a simulated instrument, frame by frame; nothing but the seed decides what it holds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import count

import numpy as np

from acquisition.block import Samples
from simulator.arrivals import SLOWEST, Arrival, Passing, passings
from simulator.cells.levels import ImageLevel
from simulator.cells.specimen import Specimens
from simulator.optics.forward import Shadow
from simulator.rendering import FRAME_SAMPLES, Floats, Renderer, flow_span_um
from simulator.setup import Setup
from simulator.truth import Passage
from simulator.workers import Workers


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is simulated: up to so many cells, or so many samples, whichever ends first."""

    cells: int | None = None
    samples: int | None = None


ENDLESS = Extent()


@dataclass(frozen=True, slots=True)
class _Flying:
    """Something between its first and its last tick in the light."""

    end_tick: float
    shadow: Future[Shadow]


class SimulatedStream:
    """The samples of a setup, as if they came from an instrument.

    Parameters
    ----------
    setup
        Instrument, light, defects and arrivals.
    sample
        What flows.
    seed
        The same seed gives the same samples, on any number of threads.
    extent
        Where the stream ends.
    level
        How side scatter is made.
    threads
        How many make it; 1 uses the reader's own.
    """

    def __init__(
        self,
        setup: Setup,
        sample: Specimens,
        seed: int,
        extent: Extent,
        *,
        level: ImageLevel = ImageLevel.L0,
        threads: int = 1,
    ) -> None:
        self.setup = setup
        self._renderer = Renderer(setup, seed, level)
        self._extent = extent
        self._passings = passings(setup, sample, seed)
        self._next: Passing | None = next(self._passings)
        self._flying: list[_Flying] = []
        self._cells = 0
        self._end: float | None = extent.samples
        self._workers = Workers(threads)
        self._placed: list[Future[Passage]] = []
        self._first_um, self._last_um = flow_span_um(setup)
        slowest_um_per_tick = SLOWEST * setup.instrument.flow_speed_m_s * 1e6 / setup.instrument.sample_rate_hz
        self._ahead_ticks = -self._first_um / slowest_um_per_tick

    @property
    def placed(self) -> list[Passage]:
        """What has been laid on the stream so far, in order of ticks."""
        return [passage.result() for passage in self._placed]

    def frames(self) -> Generator[Samples, None, None]:
        """Frames of `(n, n_channels)` counts until the extent is reached; the last one may be short."""
        for frame, charge in enumerate(self._workers.in_order(self._tasks())):
            yield self._renderer.convert(frame, self._renderer.amplify(frame, charge))

    def close(self) -> None:
        """End the threads."""
        self._workers.close()

    def _tasks(self) -> Iterator[Callable[[], Floats]]:
        """Give what has to be done for each frame."""
        for frame in count():
            first = frame * FRAME_SAMPLES
            self._meet(first + FRAME_SAMPLES)
            if self._end is not None and first >= self._end:
                return
            n = FRAME_SAMPLES if self._end is None else int(min(FRAME_SAMPLES, self._end - first))
            shadows = [flying.shadow for flying in self._flying]
            self._flying = [flying for flying in self._flying if flying.end_tick > first + FRAME_SAMPLES]
            yield partial(self._charge, frame, n, shadows)

    def _charge(self, frame: int, n: int, shadows: list[Future[Shadow]]) -> Floats:
        # Shadows were given to the workers before this frame, so that waiting for them cannot block for ever.
        return self._renderer.charge(frame, n, [shadow.result() for shadow in shadows])

    def _meet(self, end_tick: int) -> None:
        """Take in all that may touch samples before `end_tick`."""
        while self._next is not None and self._next.tick - self._ahead_ticks < end_tick:
            passing = self._next
            self._take_in(passing)
            self._cells += passing.is_cell
            self._next = None if self._cells == self._extent.cells else next(self._passings)
            if self._next is None:
                # The last cell is followed by as much empty stream as its window can ask for.
                span_um = self._last_um - self._first_um
                tail = np.ceil(self._tick_at(passing, self._last_um + 0.25 * span_um))
                self._end = tail if self._end is None else min(self._end, tail)

    def _take_in(self, passing: Passing) -> None:
        arrival: Future[Arrival] = self._workers.submit(passing.arrival)
        shadow: Future[Shadow] = self._workers.submit(lambda: self._renderer.model.shadow(arrival.result()))
        passage: Future[Passage] = self._workers.submit(lambda: Passage.of(arrival.result()))
        self._placed.append(passage)
        self._flying.append(_Flying(self._tick_at(passing, self._last_um), shadow))

    def _tick_at(self, passing: Passing, place_um: float) -> float:
        """Tick at which the centre of what passes is at a place along the flow."""
        per_um = self.setup.instrument.sample_rate_hz / (passing.speed_m_s * 1e6)
        return passing.tick + place_um * per_um
