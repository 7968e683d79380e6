"""How often one address may ask."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_CLIENTS = 4096


class RateLimit:
    """A bucket of requests for every address, refilled steadily; not thread-safe, for one event loop.

    Parameters
    ----------
    per_s
        Requests a second that an address may make for long; 0 means no limit.
    burst
        Requests that it may make at once.
    now
        A monotonic clock, in seconds.
    """

    def __init__(self, per_s: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Take one request of this address; return 0.0, or in how many seconds it may ask again."""
        if not self._per_s:
            return 0.0
        now = self._now()
        left, at = self._left.get(client, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        wait = 0.0 if left >= 1.0 else (1.0 - left) / self._per_s
        self._left[client] = (left if wait else left - 1.0, now)
        self._left.move_to_end(client)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return wait
