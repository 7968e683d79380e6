"""What every stage of reprocessing costs of a processor, on simulated recordings, and the machines that this comes to.

Costs are processor time, so that they mean something on a computer that others use too.
`python -m benchmarks.stage_costs` prints them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from acquisition.detection import detector_for
from acquisition.source import blocks, open_source
from benchmarks.page import table
from inference.engine import Engine
from inference.shipped import resolve_bundle
from reconstruction.transform import transform_for
from service.store.events.window_store import WindowStore
from service.store.tables.cell_rows import AnswerNames, cell_rows

URLS = {
    "light sheet": "sim:sheet-ci?seed=5&rate=60&loop=1&seconds=3",
    "light sheet, all overlapping": "sim:sheet-ci?seed=5&rate=1500&loop=1&seconds=3",
    "time stretch": "sim:stretch-ci?seed=5&rate=400&loop=0.25&seconds=0.75",
    "time stretch at 0.1 m/s": "sim:stretch-ci?seed=5&rate=1200&loop=0.5&seconds=1.5&instrument.flow_speed_m_s=0.1",
}
EVENTS_PER_BATCH = 32
RATES_HZ = (1e3, 1e5, 1e6)


@dataclass
class Costs:
    """Processor time: of detection in s for a second of stream, of the others in ms for an event."""

    walking: float = 0.0
    keeping: float = 0.0
    reading: float = 0.0
    images: float = 0.0
    answers: float = 0.0
    rows: float = 0.0

    @property
    def event_ms(self) -> float:
        """What an event costs besides being found."""
        return sum(getattr(self, field.name) for field in fields(self)) - self.walking

    @contextmanager
    def of(self, stage: str, unit_s: float) -> Iterator[None]:
        """Add what a block takes, in multiples of a unit."""
        began = time.process_time()
        yield
        setattr(self, stage, getattr(self, stage) + (time.process_time() - began) / unit_s)


def measured(url: str) -> tuple[Costs, int, int, float]:
    """Return the costs of a recording in memory, its events, the bytes of their windows on disk, and its seconds."""
    with open_source(url) as source:
        instrument = source.instrument
        stream = [replace(block, data=block.data.copy(), borrowed=False) for block in blocks(source)]
    stream_s = sum(block.n_samples for block in stream) / instrument.sample_rate_hz
    bundle, transform = resolve_bundle(None, instrument), transform_for(instrument)
    transform.warm()
    engine, names = Engine(bundle, threads=1), AnswerNames.of(bundle.contract)
    engine.warm(explain=False)
    channels = list(dict.fromkeys([transform.live_channels[0], *(spec.channel for spec in bundle.contract.inputs)]))
    # The first turn reads compiled kernels, and opens what is opened once.
    for _ in range(2):
        costs, detector, events = Costs(), detector_for(instrument), []
        with costs.of("walking", stream_s):
            for block in stream:
                events += detector.push(block)
            events += detector.flush()
        unit = 1e-3 * len(events)
        batches = [events[first : first + EVENTS_PER_BATCH] for first in range(0, len(events), EVENTS_PER_BATCH)]
        with tempfile.TemporaryDirectory() as folder:
            store = WindowStore.create(Path(folder), instrument)
            with costs.of("keeping", unit):
                for batch in batches:
                    store.append(batch)
                store.finish()
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
            for batch in batches:
                with costs.of("reading", unit):
                    read = store.read_all([event.event_id for event in batch]) or []
                with costs.of("images", unit):
                    images = transform.images(read, channels, cells_first=True)
                cells = images.take(images.is_cell)
                if len(cells):
                    with costs.of("answers", unit):
                        results = engine.answer(cells)
                    with costs.of("rows", unit):
                        cell_rows(cells, results, names, instrument.sample_rate_hz)
            store.close()
    return costs, len(events), size, stream_s


def main() -> None:
    """Print what the documentation shows."""
    rows, machines = [], []
    for kind, url in URLS.items():
        costs, events, size, stream_s = measured(url)
        values = [f"{getattr(costs, field.name):.2f}" for field in fields(costs)]
        many = f"{kind}, {events / stream_s:.0f} events/s"
        rows.append((many, *values, f"{costs.event_ms:.2f}", f"{size / events / 1e3:.0f} kB"))
        cores = [rate * 1e-3 * costs.event_ms for rate in RATES_HZ]
        machines.append((kind, *(f"{value:.3g} cores" for value in cores)))
    print(table(("stage", "found, s/s", "kept, ms", "read", "images", "answers", "rows", "an event", "window"), rows))
    print(table(("cores for events", *(f"{rate:.0e}/s" for rate in RATES_HZ)), machines))


if __name__ == "__main__":
    main()
