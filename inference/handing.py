"""What a worker is sent of a batch: its images, or the raw windows where those are smaller."""

from __future__ import annotations

from collections.abc import Sequence

from acquisition.event import Event
from inference.finished import Pending
from inference.messages import Batch, Windows
from reconstruction.images import CellImages


def of_cells(cells: CellImages, events: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events of cells, in their order; none where one is not known."""
    known = {event.event_id: event for event in events}
    found = [known.get(one) for one in cells.event_id.tolist()]
    return tuple(event for event in found if event is not None) if all(found) else ()


def batch_for(run: str, number: int, pending: Pending, channels: Sequence[str], windows: bool) -> Batch | Windows:
    """Return the message for a worker that can make images itself (`windows`), or cannot."""
    cells = pending.cells
    images = {name: cells.images[name] for name in channels}
    raw_bytes = sum(event.window.nbytes for event in pending.events)
    if windows and pending.events and raw_bytes < sum(array.nbytes for array in images.values()):
        return Windows(run, number, ",".join(channels), pending.events)
    return Batch(run, number, cells.event_id, images)
