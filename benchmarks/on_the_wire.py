"""What a cell weighs on its way to a worker: as its raw window, and as what the model looks at, plain and packed.

Everything is simulated. Costs are processor time of one thread. `python -m benchmarks.on_the_wire` prints them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.source import blocks, open_source
from benchmarks.page import table
from reconstruction.images import CellImages
from reconstruction.transform import Transform, transform_for

URLS = {
    "sheet-ci": "sim:sheet-ci?seed=5&rate=60&loop=1&seconds=3",
    "stretch-ci": "sim:stretch-ci?seed=5&rate=400&loop=0.25&seconds=0.75",
    "sheet-real": "sim:sheet-real?seed=5&rate=60&loop=1&seconds=2",
    "atom-real": "sim:atom-real?seed=5&rate=2000&loop=0.02&seconds=0.04",
}
EVENTS_PER_BATCH = 32
CODECS = ("lz4", "zstd")
Array = npt.NDArray[np.generic]
HEAD = ("what", "kB a cell", "lz4", "zstd", "images made, ms", "lz4, ms", "zstd, ms")


def spent_ms(work: Callable[[], object], cells: int) -> float:
    """Return the processor time of a piece of work for each cell; the quickest of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(1e3 * (time.process_time() - began) / cells)
    return min(taken)


def by_byte(array: Array) -> bytes:
    """Return the first bytes of all numbers, then the second ones, and so on: alike beside alike packs better."""
    return np.ascontiguousarray(array.reshape(-1).view(np.uint8).reshape(-1, array.dtype.itemsize).T).tobytes()


def weighed(what: str, arrays: Sequence[Array], cells: int, making_ms: float) -> tuple[object, ...]:
    """Return the row of what is sent for some cells; `making_ms` is what the worker does to look at it."""
    packed, costs = [], []
    for name in CODECS:
        codec = pa.Codec(name)
        packed.append(sum(len(codec.compress(by_byte(array))) for array in arrays))
        costs.append(spent_ms(lambda codec=codec: [codec.compress(by_byte(array)) for array in arrays], cells))
    sizes = [1e-3 * size / cells for size in (sum(array.nbytes for array in arrays), *packed)]
    return (what, *(f"{size:.1f}" for size in sizes), f"{making_ms:.2f}", *(f"{cost:.2f}" for cost in costs))


def events_of(url: str) -> tuple[Transform, list[Event]]:
    """Return the transform and the events of a simulated stream."""
    with open_source(url) as source:
        detector, transform, events = detector_for(source.instrument), transform_for(source.instrument), []
        for block in blocks(source):
            events += detector.push(block)
        return transform, events + detector.flush()


def rows_of(preset: str, url: str) -> list[tuple[object, ...]]:
    """Return the rows of a preset: windows, and each kind of image."""
    transform, events = events_of(url)
    transform.warm()
    live = transform.images(events, None, cells_first=True)
    known = set(live.event_id[live.is_cell].tolist())
    cells = [event for event in events if event.event_id in known][: 2 * EVENTS_PER_BATCH]
    batches = [cells[first : first + EVENTS_PER_BATCH] for first in range(0, len(cells), EVENTS_PER_BATCH)]

    def made(channels: Sequence[str]) -> list[CellImages]:
        return [transform.images(batch, channels, cells_first=True) for batch in batches]

    windows = [np.ascontiguousarray(event.window) for event in cells]
    rows = [weighed(f"{preset}: window, {cells[0].window.dtype}", windows, len(cells), 0.0)]
    flat = transform.live_channels[:1]
    for channel in dict.fromkeys([*flat, transform.channels[-1]]):
        wanted = list(dict.fromkeys([*flat, channel]))
        images = [np.asarray(batch.images[channel]) for batch in made(wanted)]
        making_ms = spent_ms(lambda wanted=wanted: made(wanted), len(cells))
        shape = " x ".join(map(str, images[0].shape[1:]))
        rows.append(weighed(f"{preset}: {channel} {shape}, float32", images, len(cells), making_ms))
    return rows


def main() -> None:
    """Print what the decision rests on."""
    rows = [row for preset, url in URLS.items() for row in rows_of(preset, url)]
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
