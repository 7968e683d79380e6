"""A stretch of samples, made once and played round and round without a seam, for rates too high to make live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.errors import ConfigError
from acquisition.source import Truth
from simulator.rendering import flow_span_um
from simulator.setup import Setup
from simulator.stream import Extent
from simulator.truth import Passage, truth_columns

MOST_LOOP_BYTES = 2 << 30


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
    shortest_s = passage_ticks(setup) / instrument.sample_rate_hz
    bytes_needed = n * len(instrument.channels) * instrument.digitizer.dtype.itemsize
    if length_s < shortest_s:
        raise ConfigError(
            f"A loop of {length_s:g} s is shorter than a cell's passage; make it {shortest_s:.2g} s at least."
        )
    if bytes_needed > MOST_LOOP_BYTES:
        longest_s = length_s * MOST_LOOP_BYTES / bytes_needed
        raise ConfigError(f"A loop of {length_s:g} s does not fit into memory; make it {longest_s:.2g} s at most.")
    return n


def passage_ticks(setup: Setup) -> int:
    """Return how long what flows is in the light, at most."""
    first_um, last_um = flow_span_um(setup)
    instrument = setup.instrument
    return round(1.25 * (last_um - first_um) * instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6))
