"""A simulated instrument as a source."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Self

from acquisition.block import Block
from acquisition.errors import EndOfStream, SourceError, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.pace import LARGEST_BLOCK, Pace
from acquisition.source import Truth
from simulator.cells.levels import ImageLevel
from simulator.cells.specimen import Specimens
from simulator.loop import Loop, loop_samples
from simulator.loop_rendering import LoopRendering
from simulator.players import FlowPlayer, LoopPlayer, Player
from simulator.setup import Setup
from simulator.stream import ENDLESS, Extent, SimulatedStream

_LARGEST_LOOP_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that decides the samples of a simulation.

    Attributes
    ----------
    setup, sample, seed, extent, level
        As for `SimulatedStream`.
    """

    setup: Setup
    sample: Specimens
    seed: int = 1
    extent: Extent = ENDLESS
    level: ImageLevel = ImageLevel.L0

    @property
    def origin(self) -> Origin:
        """Simulated, or semi-real where real images flow."""
        return Origin.SEMI_REAL if self.sample.semi_real else Origin.SIMULATED


class Simulation:
    """A simulated instrument as a `Source`; every start plays it from its beginning, in an epoch of its own.

    A setup with `loop_s` is made once, in a thread of its own while reads time out, and then played round and round.

    Parameters
    ----------
    scenario
        What is simulated.
    speed
        Pace against the sample clock, 1 is real time; None is as fast as it is read.
    block_samples
        Samples per block; None chooses.
    threads
        How many make the samples.

    Raises
    ------
    ConfigError
        If the setup's loop is too short or too long.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        speed: float | None = None,
        block_samples: int | None = None,
        threads: int = 1,
    ) -> None:
        setup = scenario.setup
        self._scenario = scenario
        self._threads = threads
        self._pace = Pace(setup.instrument.sample_rate_hz, speed)
        self._loop_samples = None if setup.loop_s is None else loop_samples(setup, setup.loop_s)
        largest = LARGEST_BLOCK if self._loop_samples is None else _LARGEST_LOOP_BLOCK
        self._block_samples = block_samples or self._pace.suitable_block(largest)
        self._epoch = -1
        self._tick = 0
        self._player: Player | None = None
        self._rendering: LoopRendering | None = None
        self._loop: Future[Loop] | None = None
        self._stopped = threading.Event()
        self._closed = False

    @property
    def instrument(self) -> Instrument:
        """The simulated instrument."""
        return self._scenario.setup.instrument

    @property
    def waits(self) -> bool:
        """True: a simulation waits for its reader."""
        return True

    @property
    def origin(self) -> Origin:
        """Simulated, or semi-real where real images flow."""
        return self._scenario.origin

    @property
    def description(self) -> str:
        """One line for people."""
        scenario = self._scenario
        rate = f"{scenario.setup.flow.cells_per_s:g} cells/s"
        loop = "" if scenario.setup.loop_s is None else f", looping {scenario.setup.loop_s:g} s"
        name = f"{self.origin.value} {self.instrument.name}"
        return f"{name}, sample {scenario.sample.description}, {rate}, seed {scenario.seed}{loop}"

    @property
    def total_samples(self) -> int | None:
        """Samples until the end, where the extent names them."""
        return self._scenario.extent.samples

    def start(self) -> None:
        """Play from the beginning."""
        if self._closed:
            raise SourceError("The simulation is closed; open it again.")
        self._end_play()
        self._epoch += 1
        self._tick = 0
        self._stopped.clear()
        self._pace.start()
        if self._loop_samples is None:
            scenario = self._scenario
            stream = SimulatedStream(
                scenario.setup,
                scenario.sample,
                scenario.seed,
                scenario.extent,
                level=scenario.level,
                threads=self._threads,
            )
            self._player = FlowPlayer(stream)
        elif self._rendering is None or self._rendering.cancelled:
            self._make_loop(self._loop_samples)

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block; with a pace, it comes once its last sample would have been taken.

        Raises
        ------
        SourceTimeout
            The pace does not allow the next block yet, or the loop is still being made.
        EndOfStream
            The extent is reached, or `stop` was called.
        """
        if self._epoch < 0:
            raise SourceError("The simulation does not run; call start first.")
        if self._stopped.is_set():
            raise EndOfStream("The simulation was stopped.")
        player = self._player or self._begin_loop(timeout_s)
        self._pace.wait(self._tick + self._block_samples, timeout_s)
        data, clipped = player.take(self._block_samples)
        if data.shape[0] == 0:
            raise EndOfStream("The simulation has ended.")
        block = Block(
            data=data, first_sample=self._tick, epoch=self._epoch, clipped=clipped, host_time_ns=time.time_ns()
        )
        self._tick = block.end_sample
        return block

    def stop(self) -> None:
        """End the stream, from any thread."""
        self._stopped.set()
        self._pace.stop()
        if self._rendering is not None:
            self._rendering.cancel()

    def truth(self) -> Truth | None:
        """Return what has passed in the samples delivered so far."""
        return None if self._player is None else self._player.truth(self._epoch)

    def close(self) -> None:
        """Give everything back; may be called twice."""
        self.stop()
        self._closed = True
        self._end_play()
        if self._loop is not None:
            wait([self._loop])
        self._loop = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _end_play(self) -> None:
        if self._player is not None:
            self._player.close()
        self._player = None

    def _make_loop(self, n_samples: int) -> None:
        """Have the loop made in a thread, which ends with its making."""
        scenario = self._scenario
        self._rendering = LoopRendering(
            scenario.setup, scenario.sample, scenario.seed, n_samples, level=scenario.level, threads=self._threads
        )
        thread = ThreadPoolExecutor(1, "simulator-loop")
        self._loop = thread.submit(self._rendering.render, self._block_samples)
        thread.shutdown(wait=False)

    def _begin_loop(self, timeout_s: float) -> Player:
        """Return a player once the loop is made; the clock of the play begins then."""
        if self._loop is None:
            raise EndOfStream("The simulation was stopped.")
        try:
            loop = self._loop.result(timeout_s)
        except TimeoutError:
            done = 0.0 if self._rendering is None else self._rendering.done
            raise SourceTimeout(f"The loop that will be played is still being made ({done:.0%}).") from None
        self._player = LoopPlayer(loop, loop.end_tick(self._scenario.extent))
        self._pace.start()
        if self._stopped.is_set():
            self._pace.stop()
        return self._player
