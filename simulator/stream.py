"""Samples of a simulated instrument, made in frames that depend on nothing but the seed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.arrivals import Arrival, Passage, arrivals
from simulator.cells.specimen import Specimens
from simulator.electronics.chain import Chain, digitize
from simulator.optics.forward import Shadow, forward_model
from simulator.randomness import Purpose, random_stream
from simulator.setup import Setup

FRAME_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is simulated: up to so many cells, or so many samples, whichever ends first."""

    cells: int | None = None
    samples: int | None = None


class SimulatedStream:
    """The sample stream of a setup, frame by frame.

    Parameters
    ----------
    setup
        Instrument, light and arrivals.
    sample
        Where specimens are drawn from.
    seed
        The same seed gives the same samples.
    extent
        Where the stream ends.
    """

    def __init__(self, setup: Setup, sample: Specimens, seed: int, extent: Extent) -> None:
        self.setup = setup
        self._seed = seed
        self._extent = extent
        self._model = forward_model(setup, seed)
        self._arrivals = arrivals(setup, sample, seed)
        self._next: Arrival | None = next(self._arrivals)
        self._shadows: deque[Shadow] = deque()
        self._frame = 0
        self._end = extent.samples
        self.placed: list[Passage] = []
        """Cells laid on the stream so far."""
        digitizer = setup.instrument.digitizer
        self._chain = Chain(
            gain=np.array([light.counts_per_photoelectron for light in setup.detectors]),
            excess=np.array([light.excess_noise for light in setup.detectors]),
            read_noise=np.array([light.noise_counts for light in setup.detectors]),
            core_offsets=np.array(setup.converter.core_offsets_counts),
            lowest=digitizer.lowest,
            highest=digitizer.highest,
        )

    @property
    def first_tick(self) -> int:
        """Tick of the first sample of the next frame."""
        return self._frame * FRAME_SAMPLES

    def frames(self) -> Iterator[npt.NDArray[np.int8] | npt.NDArray[np.int16]]:
        """Frames of `(n, n_channels)` counts until the extent is reached; the last one may be short."""
        while self._end is None or self.first_tick < self._end:
            frame = self._make_frame()
            self._frame += 1
            if self._end is not None and self.first_tick > self._end:
                frame = frame[: self._end - self.first_tick + FRAME_SAMPLES]
            yield frame

    def _make_frame(self) -> npt.NDArray[np.int8] | npt.NDArray[np.int16]:
        first, end = self.first_tick, self.first_tick + FRAME_SAMPLES
        light = np.empty((FRAME_SAMPLES, len(self.setup.detectors)), dtype=np.float32)
        self._model.empty(first, light)
        self._meet(end)
        for shadow in self._shadows:
            shadow.lay(first, light)
        while self._shadows and self._shadows[0].end_tick <= end:
            self._shadows.popleft()
        counts = np.empty(light.shape, dtype=np.int16)
        digitize(light, first, self._chain, random_stream(self._seed, Purpose.DETECTION, self._frame), counts)
        return counts.astype(np.int8) if self.setup.instrument.digitizer.bits <= 8 else counts

    def _meet(self, end_tick: int) -> None:
        """Take in every cell that may touch samples before `end_tick`."""
        ahead = self._ticks_ahead()
        while self._next is not None and self._next.tick - ahead < end_tick:
            arrival = self._next
            if self._extent.cells is not None and len(self.placed) == self._extent.cells:
                self._next = None
                break
            shadow = self._model.shadow(arrival)
            self._shadows.append(shadow)
            self.placed.append(Passage.of(arrival))
            self._next = next(self._arrivals)
            if len(self.placed) == self._extent.cells:
                # The last cell is followed by as much empty stream as its window can ask for.
                tail = shadow.end_tick + math.ceil(0.25 * (shadow.end_tick - shadow.first_tick))
                self._end = tail if self._end is None else min(self._end, tail)

    def _ticks_ahead(self) -> float:
        """Ticks by which a cell's light may come before its own tick, slowest cell included."""
        instrument = self.setup.instrument
        per_um = instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6 * (1 - 4 * self.setup.flow.speed_cv))
        return instrument.grid.field_um * per_um
