"""A cluster that reprocesses recordings, event by event of its own: does the sum of docs/scale.md hold, and what binds.

The sum says `cores x seconds = T (walk + n (keep + read + images + answers))`. Here recordings of a minute come from
instruments that never stop, are found by one core each, cut into chunks that any core takes, and every core waits for a
disk that all share. `python -m benchmarks.cluster_simulation` prints how many cores and how much disk the sum asks for,
and what happens with them, a tenth less, a fifth more, and one disk. Simulated throughout; the costs are those that
`python -m benchmarks.stage_costs` measured.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

from benchmarks.page import row, table

RECORDING_S, CHUNK = 60.0, 1024
SPREAD = 0.2
"""Of the time that a chunk takes, relative (lognormal)."""
ROW_BYTES, CLIENT_BYTES_S = 1e3, 100e6
"""A cell's row, and what one client seals in a second."""


@dataclass(frozen=True)
class Costs:
    """What the stages cost: walking a second of stream in s of a core, the others in s of a core for an event."""

    walk: float
    keep: float
    answer: float
    window_bytes: float


@dataclass(frozen=True)
class Load:
    """Instruments that record all the time, the events of each, and how many recordings it makes."""

    instruments: int
    events_s: float
    recordings: int

    def cores(self, costs: Costs) -> float:
        """Cores that the sum asks for."""
        return self.instruments * (costs.walk + self.events_s * (costs.keep + costs.answer))

    def disk_bytes_s(self, costs: Costs) -> float:
        """Written once, and read once."""
        return 2 * self.instruments * self.events_s * costs.window_bytes


@dataclass
class Cluster:
    """Cores, a disk that all share and serves one chunk at a time, and a client for each run.

    Attributes
    ----------
    lag_s
        Of every recording, from its end to its last row, in the order of their ends.
    busy_s
        Seconds that cores worked, the wait for the disk left out.
    """

    load: Load
    costs: Costs
    cores: int
    disk_bytes_s: float
    seed: int = 1
    lag_s: list[float] = field(default_factory=list)
    busy_s: float = 0.0
    disk_s: float = 0.0

    def run(self) -> None:
        """Let every instrument make its recordings, and wait until the last one is answered."""
        self._world = simpy.Environment()
        self._core = simpy.Resource(self._world, self.cores)
        self._disk = simpy.Resource(self._world, 1)
        self._random = np.random.default_rng(self.seed)
        for number in range(self.load.instruments):
            self._world.process(self._instrument(number / self.load.instruments * RECORDING_S))
        self._world.run()

    @property
    def seconds(self) -> float:
        """When the last row was there."""
        return float(self._world.now)

    def growth(self) -> float:
        """How much later recordings of the last third are answered than those of the second, over their length."""
        third = len(self.lag_s) // 3
        return float(np.mean(self.lag_s[-third:]) - np.mean(self.lag_s[third : 2 * third])) / RECORDING_S

    def _instrument(self, offset_s: float) -> Generator[Any, Any, None]:
        yield self._world.timeout(offset_s)
        for _ in range(self.load.recordings):
            yield self._world.timeout(RECORDING_S)
            self._world.process(self._recording())

    def _recording(self) -> Generator[Any, Any, None]:
        """One core finds the events and keeps their windows; then their chunks are for all."""
        ended_s, events = self._world.now, round(RECORDING_S * self.load.events_s)
        chunks = [min(CHUNK, events - first) for first in range(0, events, CHUNK)]
        with self._core.request() as core:
            yield core
            for count in chunks:
                yield from self._work(RECORDING_S * self.costs.walk / len(chunks) + count * self.costs.keep)
                yield from self._move(count * self.costs.window_bytes)
        client = simpy.Resource(self._world, 1)
        yield self._world.all_of([self._world.process(self._chunk(count, client)) for count in chunks])
        self.lag_s.append(self._world.now - ended_s)

    def _chunk(self, count: int, client: simpy.Resource) -> Generator[Any, Any, None]:
        with self._core.request() as core:
            yield core
            yield from self._move(count * self.costs.window_bytes)
            yield from self._work(count * self.costs.answer)
        with client.request() as turn:
            yield turn
            yield self._world.timeout(count * ROW_BYTES / CLIENT_BYTES_S)

    def _work(self, mean_s: float) -> Generator[Any, Any, None]:
        took_s = mean_s * self._random.lognormal(-0.5 * SPREAD**2, SPREAD)
        self.busy_s += took_s
        yield self._world.timeout(took_s)

    def _move(self, size: float) -> Generator[Any, Any, None]:
        with self._disk.request() as turn:
            yield turn
            self.disk_s += size / self.disk_bytes_s
            yield self._world.timeout(size / self.disk_bytes_s)


KINDS = {
    "light sheet": Costs(walk=0.19, keep=0.06e-3, answer=0.63e-3, window_bytes=180e3),
    "time stretch": Costs(walk=0.16, keep=0.02e-3, answer=0.39e-3, window_bytes=28e3),
}
"""Processor time measured on simulated recordings, see docs/scale.md."""
LOADS = (Load(1, 1e3, 30), Load(100, 1e3, 9), Load(1000, 1e3, 4))
DISK_BYTES_S = 20e9
"""A parallel file system of a core facility."""
HEAD = (
    "simulated",
    "events/s",
    "cores by the sum",
    "disk by the sum, GB/s",
    "cores, disk GB/s",
    "cores at work, of the sum",
    "disk at work",
    "lag, s: median, most",
    "lag grows, s a s",
)


def rows() -> Iterator[tuple[object, ...]]:
    """Each load with a tenth less than the sum says, a tenth more, and with one disk for all."""
    for kind, costs in KINDS.items():
        for load in LOADS:
            cores, disk = load.cores(costs), load.disk_bytes_s(costs)
            for share, disk_bytes_s in ((0.9, 10 * disk), (1.2, 2 * disk), (1.2, DISK_BYTES_S)):
                cluster = Cluster(load, costs, max(1, math.ceil(share * cores)), disk_bytes_s)
                cluster.run()
                asked_s = load.recordings * RECORDING_S * cores
                yield (
                    kind,
                    f"{load.instruments * load.events_s:.0e}",
                    f"{cores:.3g}",
                    f"{disk / 1e9:.3g}",
                    f"{cluster.cores}, {disk_bytes_s / 1e9:.3g}",
                    f"{cluster.busy_s / asked_s:.3f}",
                    f"{cluster.disk_s / cluster.seconds:.2f}",
                    f"{np.median(cluster.lag_s):.0f}, {max(cluster.lag_s):.0f}",
                    f"{cluster.growth():.3f}",
                )


if __name__ == "__main__":
    print(table(HEAD, []))
    for each in rows():
        print(row(each), flush=True)
