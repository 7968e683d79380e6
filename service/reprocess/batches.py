"""Events as batches of images: made of their windows, or of the rows and images that the run stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconstruction.images import CellImages
from reconstruction.transform import Transform
from service.runs.pipeline import EVENTS_PER_BATCH
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import measured_of_rows


def from_windows(
    folder: RunFolder, transform: Transform, channels: Sequence[str], event_ids: Sequence[int]
) -> Iterator[CellImages]:
    """Make images of stored windows, judge and measure them: as when the cells flowed."""
    for first in range(0, len(event_ids), EVENTS_PER_BATCH):
        events = folder.events(event_ids[first : first + EVENTS_PER_BATCH])
        yield transform.images(events, channels, cells_first=True)


def from_rows(folder: RunFolder, inputs: Sequence[str], rows: Any) -> Iterator[CellImages]:
    """Take what was measured from rows of cells, a `pyarrow.Table`, and read the images that a bundle looks at."""
    pixel_um = folder.run().instrument.grid.pixel_um
    for first in range(0, rows.num_rows, EVENTS_PER_BATCH):
        batch = rows.slice(first, EVENTS_PER_BATCH)
        ids = batch.column("event_id").to_pylist()
        images = {name: folder.stored_images(ids, name) for name in inputs}
        yield measured_of_rows(batch, images, pixel_um)
