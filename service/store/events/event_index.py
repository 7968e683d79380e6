"""Which row of a file holds which event."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class EventIndex:
    """Event ids in the order of their rows, 8 bytes each; not thread-safe."""

    def __init__(self, event_id: npt.NDArray[np.uint64] | None = None) -> None:
        self._ids = np.empty(0, np.uint64) if event_id is None else event_id
        self._count: int = self._ids.shape[0]
        self._order = np.empty(0, np.intp)
        self._sorted = bool(np.all(self._ids[1:] > self._ids[:-1]))

    def __len__(self) -> int:
        return self._count

    def add(self, event_id: npt.NDArray[np.uint64]) -> None:
        """Append the ids of new rows."""
        end = self._count + event_id.shape[0]
        if end > self._ids.shape[0]:
            grown = np.empty(max(1024, 2 * end), np.uint64)
            grown[: self._count] = self._ids[: self._count]
            self._ids = grown
        self._ids[self._count : end] = event_id
        start = max(self._count - 1, 0)
        self._sorted = self._sorted and bool(np.all(self._ids[start + 1 : end] > self._ids[start : end - 1]))
        self._count = end

    def find_all(self, event_id: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
        """Return the rows of events, -1 where there is none; for many questions between which nothing is added."""
        ids = self._ids[: self._count]
        if len(self._order) != self._count:
            self._order = np.argsort(ids, kind="stable")
        places = np.searchsorted(ids, event_id, sorter=self._order)
        rows = self._order[np.minimum(places, max(self._count - 1, 0))] if self._count else np.zeros(0, np.intp)
        return np.where(ids[rows] == event_id, rows, -1) if self._count else np.full(len(event_id), -1)

    def find(self, event_id: int) -> int | None:
        """Return the row of an event, None if there is none."""
        if not 0 <= event_id < 1 << 64:
            return None
        ids = self._ids[: self._count]
        wanted = np.uint64(event_id)
        # Batches hold their cells before their rejected events, so the ids of images are only nearly in order.
        row = int(np.searchsorted(ids, wanted)) if self._sorted else int(np.argmax(ids == wanted)) if len(ids) else 0
        return row if row < len(ids) and ids[row] == wanted else None
