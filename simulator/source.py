"""The simulator as a source, opened as `sim:PRESET`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.block import Block
from acquisition.errors import ConfigError, EndOfStream, SourceError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.pace import Pace
from acquisition.replay import count_clipped
from acquisition.replay_options import parse_block_samples, parse_speed
from acquisition.source import Truth
from simulator.cells.sample import parse_sample
from simulator.presets import setup_preset
from simulator.setup import Setup
from simulator.stream import Extent, SimulatedStream

DEFAULT_SAMPLE = "wbc"
_Counts = npt.NDArray[np.int8] | npt.NDArray[np.int16]


class Simulation:
    """A simulated instrument as a `Source`; every start plays it from its beginning, in an epoch of its own.

    Parameters
    ----------
    setup, sample, seed, extent
        As for `SimulatedStream`.
    speed
        Pace against the sample clock, 1 is real time; None is as fast as it is read.
    block_samples
        Samples per block; None chooses.
    """

    def __init__(
        self,
        setup: Setup,
        sample: str,
        seed: int,
        extent: Extent,
        *,
        speed: float | None = None,
        block_samples: int | None = None,
    ) -> None:
        self._setup = setup
        self._sample_text = sample
        self._sample = parse_sample(sample)
        self._seed = seed
        self._extent = extent
        self._pace = Pace(setup.instrument.sample_rate_hz, speed)
        self._block_samples = block_samples or self._pace.suitable_block
        self._epoch = -1
        self._tick = 0
        self._stream: SimulatedStream | None = None
        self._frames: Iterator[_Counts] = iter(())
        self._rest: _Counts = np.empty((0, len(setup.instrument.channels)), dtype=setup.instrument.digitizer.dtype)
        self._closed = False

    @property
    def instrument(self) -> Instrument:
        """The simulated instrument."""
        return self._setup.instrument

    @property
    def waits(self) -> bool:
        """True: a simulation waits for its reader."""
        return True

    @property
    def origin(self) -> Origin:
        """Simulated throughout."""
        return Origin.SIMULATED

    @property
    def description(self) -> str:
        """One line for people."""
        rate = f"{self._setup.flow.cells_per_s:g} cells/s"
        return f"simulated {self.instrument.name}, sample {self._sample_text}, {rate}, seed {self._seed}"

    @property
    def total_samples(self) -> int | None:
        """Samples until the end, where the extent names them."""
        return self._extent.samples

    def start(self) -> None:
        """Play from the beginning."""
        if self._closed:
            raise SourceError("The simulation is closed; open it again.")
        self._epoch += 1
        self._tick = 0
        self._stream = SimulatedStream(self._setup, self._sample, self._seed, self._extent)
        self._frames = self._stream.frames()
        self._rest = self._rest[:0]
        self._pace.start()

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block.

        Raises
        ------
        SourceTimeout
            The pace does not allow the next block yet.
        EndOfStream
            The extent is reached, or `stop` was called.
        """
        if self._stream is None:
            raise SourceError("The simulation does not run; call start first.")
        self._pace.wait(self._tick + self._block_samples, timeout_s)
        while self._rest.shape[0] < self._block_samples:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._rest = np.concatenate([self._rest, frame])
        data, self._rest = self._rest[: self._block_samples], self._rest[self._block_samples :]
        if data.shape[0] == 0:
            raise EndOfStream("The simulation has ended.")
        digitizer = self.instrument.digitizer
        block = Block(
            data=data,
            first_sample=self._tick,
            epoch=self._epoch,
            clipped=count_clipped(data, digitizer),
            host_time_ns=time.time_ns(),
        )
        self._tick = block.end_sample
        return block

    def stop(self) -> None:
        """End the stream, from any thread."""
        self._pace.stop()

    def truth(self) -> Truth | None:
        """Return the cells whose centre has passed in the samples delivered so far."""
        placed = [] if self._stream is None else [a for a in self._stream.placed if a.tick < self._tick]
        return {
            "cell": np.array([a.index for a in placed], dtype=np.int64),
            "kind": np.array([a.kind for a in placed], dtype="S32"),
            "epoch": np.full(len(placed), max(self._epoch, 0), dtype=np.int64),
            "tick": np.array([a.tick for a in placed], dtype=np.float64),
            "speed_m_s": np.array([a.speed_m_s for a in placed], dtype=np.float64),
            "x_um": np.array([a.x_um for a in placed], dtype=np.float64),
            "z_um": np.array([a.z_um for a in placed], dtype=np.float64),
            "diameter_um": np.array([a.diameter_um for a in placed], dtype=np.float64),
        }

    def close(self) -> None:
        """Give everything back; may be called twice."""
        self._pace.stop()
        self._closed = True
        self._stream = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_simulation(
    preset: str,
    *,
    sample: str = DEFAULT_SAMPLE,
    seed: str | int = 1,
    rate: str | float | None = None,
    cells: str | int | None = None,
    seconds: str | float | None = None,
    speed: str | float | None = None,
    block_samples: str | int | None = None,
) -> Simulation:
    """Open `sim:PRESET`; options may be numbers or the text of a URL.

    Parameters
    ----------
    preset
        Name of a setup: `sheet-ci` or `stretch-ci`.
    sample
        Populations and shares, such as `wbc` or `lymphocyte:0.5,monocyte:0.5`.
    seed
        The same seed gives the same samples.
    rate
        Cells per second; None takes the preset's.
    cells, seconds
        Where the simulation ends; None is without end.
    speed, block_samples
        As for a replay.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    """
    setup = setup_preset(preset)
    if rate is not None:
        setup = setup.changed({"flow.cells_per_s": _positive("rate", rate)})
    length_s = None if seconds is None else _positive("seconds", seconds)
    extent = Extent(
        cells=None if cells is None else _whole("cells", cells, least=1),
        samples=None if length_s is None else max(1, round(length_s * setup.instrument.sample_rate_hz)),
    )
    return Simulation(
        setup,
        sample,
        _whole("seed", seed, least=0),
        extent,
        speed=parse_speed(speed),
        block_samples=parse_block_samples(block_samples),
    )


def _positive(name: str, value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise ConfigError(f"The simulator's {name} must be a number above 0, not '{value}'.")
    return number


def _whole(name: str, value: str | int, least: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise ConfigError(f"The simulator's {name} must be a whole number of at least {least}, not '{value}'.")
    return number
