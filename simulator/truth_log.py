"""What of a source's growing truth a client does not know yet."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from acquisition.network_truth import row_chunks
from acquisition.source import Truth

_SHARE = 0.2
"""Most of a processor's time that asking for the truth may take: a long table is asked for less often."""


class TruthLog:
    """Compares the table with what was given out before, and gives out what is new."""

    def __init__(self) -> None:
        self._known: Truth | None = None
        self._due_s = 0.0

    def is_due(self) -> bool:
        """Whether the source may be asked again."""
        return time.monotonic() >= self._due_s

    def news(self, truth: Truth, began_s: float) -> Iterator[tuple[Truth, bool]]:
        """Give the rows to send, with whether they take the place of all before.

        Parameters
        ----------
        truth
            The table as it stands.
        began_s
            `time.thread_time()` before it was asked for.
        """
        before, self._known = self._known, truth
        rows = len(next(iter(truth.values()), ()))
        grown = before is not None and _begins_with(truth, before)
        had = len(next(iter(before.values()), ())) if before is not None and grown else 0
        if not grown or rows > had:
            for place, chunk in enumerate(row_chunks({name: column[had:] for name, column in truth.items()})):
                yield chunk, not grown and place == 0
        self._due_s = time.monotonic() + (time.thread_time() - began_s) / _SHARE


def _begins_with(table: Truth, start: Truth) -> bool:
    if table.keys() != start.keys():
        return False
    return all(
        len(table[name]) >= len(start[name]) and np.array_equal(table[name][: len(start[name])], start[name])
        for name in table
        if name in ("cell", "kind", "epoch", "tick")
    )
