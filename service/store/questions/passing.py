"""How many rows pass a filter, counted once: sealed parts never change, so only what is new is looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from service.gates.where import Condition
from service.store.labels import LABEL
from service.store.tables.parts import TableSnapshot

_MOST_COUNTS = 64


class PassingCounts:
    """Counts of the last filters, from any thread: of how many of the first parts, and how many of their rows pass."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Condition, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, snapshot: TableSnapshot, condition: Condition, count: Callable[[TableSnapshot, Condition], int]
    ) -> int:
        """Return how many rows pass; `count` looks at those that were not looked at before."""
        if LABEL in condition.sql:
            # People may label any cell at any time.
            return count(snapshot, condition)
        with self._lock:
            counted, passing = self._counts.get(condition, (0, 0))
        sealed = len(snapshot.parts)
        if counted > sealed:
            counted = passing = 0
        if counted < sealed:
            passing += count(replace(snapshot, parts=snapshot.parts[counted:], tail=None), condition)
            with self._lock:
                self._counts[condition] = (sealed, passing)
                while len(self._counts) > _MOST_COUNTS:
                    self._counts.popitem(last=False)
        return passing if snapshot.tail is None else passing + count(replace(snapshot, parts=()), condition)
