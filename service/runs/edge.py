"""A bounded queue between two stages, with a named policy for what happens at its bound."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Generic, TypeVar

from service.status import QueueFill

T = TypeVar("T")


class Policy(StrEnum):
    """What a full queue does to the next item."""

    WAIT = "wait"
    """Hold up the giver; for streams that wait for their reader."""
    DROP_NEWEST = "drop_newest"
    """Refuse it, and let the giver count the loss; for live streams."""


class Edge(Generic[T]):
    """First in, first out; any number of givers and takers.

    States: open -> `close` (takers finish what is in it) or `abort` (nothing is given or taken any more).

    Parameters
    ----------
    bound
        Most items in it.
    policy
        What happens to the next one.
    bytes_of, most_bytes
        How large an item is, and how much may be in it besides; one item always may. None counts items only.
    """

    def __init__(
        self, bound: int, policy: Policy, bytes_of: Callable[[T], int] | None = None, most_bytes: int = 0
    ) -> None:
        self._bound = bound
        self._policy = policy
        self._bytes_of = bytes_of or (lambda _item: 0)
        self._most_bytes = most_bytes
        self._bytes = 0
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T) -> bool:
        """Give an item; False if it was not taken, because the queue is full (`DROP_NEWEST`) or closed."""
        return self.put_all([item]) == 1

    def put_all(self, items: Sequence[T]) -> int:
        """Give items that came together, so that they are taken together; return how many of the first were taken."""
        taken = 0
        with self._changed:
            for item in items:
                size = self._bytes_of(item)
                while self._policy is Policy.WAIT and self._is_full(size) and not self._closed:
                    self._changed.notify_all()
                    self._changed.wait()
                if self._closed or self._is_full(size):
                    break
                self._items.append(item)
                self._bytes += size
                taken += 1
            self._changed.notify_all()
        return taken

    def take(
        self, most: int = 1, patience_s: Callable[[], float] | None = None, wait_s: float | None = None
    ) -> list[T]:
        """Wait for an item, then up to `patience_s`, asked for when it came, for more of them, at most `most`.

        Empty when it is `done`, or when nothing came in `wait_s`; None waits for ever.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, wait_s)
            deadline = time.monotonic() + (patience_s() if patience_s else 0.0)
            while len(self._items) < most and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(self._bytes_of(item) for item in taken)
            self._changed.notify_all()
            return taken

    @property
    def done(self) -> bool:
        """Whether it is closed, and nothing is left in it."""
        with self._changed:
            return self._closed and not self._items

    def close(self) -> None:
        """Let nothing more in; what is in it can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> list[T]:
        """Close, and return what nobody will take any more."""
        with self._changed:
            self._closed = True
            left = list(self._items)
            self._items.clear()
            self._bytes = 0
            self._changed.notify_all()
            return left

    def _is_full(self, size: int) -> bool:
        """Whether an item of that size has no room."""
        return len(self._items) >= self._bound or (bool(self._items) and self._bytes + size > self._most_bytes > 0)

    def fill(self) -> QueueFill:
        """Return how full it is."""
        return QueueFill(size=len(self._items), bound=self._bound, policy=self._policy.value)
