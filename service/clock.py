"""The only place that asks the computer for the time of day; durations are of `time.monotonic`, which nobody sets."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def utc() -> datetime:
    """Return the host's time: a label for people, never a measure of how long something takes."""
    return datetime.now(UTC)


def now_utc() -> str:
    """Return the host's time as ISO 8601, to the millisecond."""
    return utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Stopwatch:
    """How long something lasted, and how far the host's clock was set meanwhile."""

    def __init__(self) -> None:
        self._began, self._began_s = utc(), time.monotonic()

    def lasted_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began_s

    def clock_set_s(self) -> float:
        """Seconds that the host's clock is ahead of where it would be if nobody had set it; negative behind, 0 if less.

        A clock that is kept right is moved by less than a second.
        """
        ahead_s = (utc() - self._began).total_seconds() - self.lasted_s()
        return round(ahead_s, 3) if abs(ahead_s) >= 1.0 else 0.0
