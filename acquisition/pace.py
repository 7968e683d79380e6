"""Giving samples out at the pace of the sample clock."""

from __future__ import annotations

import math
import threading
import time

from acquisition.errors import EndOfStream, SourceTimeout

_BLOCK_S = 0.02
_SMALLEST_BLOCK = 1024
LARGEST_BLOCK = 1 << 18


class Pace:
    """Holds a reader back until the samples it asks for would have been taken.

    Parameters
    ----------
    sample_rate_hz
        Of the stream.
    speed
        1 is real time; None does not hold back.
    """

    def __init__(self, sample_rate_hz: float, speed: float | None) -> None:
        self._ticks_per_s = sample_rate_hz * (speed or math.inf)
        self._began_s = 0.0
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called since the last start."""
        return self._stopped.is_set()

    def suitable_block(self, largest: int = LARGEST_BLOCK) -> int:
        """Return the samples of a block that is neither late nor small."""
        return int(min(max(self._ticks_per_s * _BLOCK_S, _SMALLEST_BLOCK), largest))

    def start(self) -> None:
        """Let the clock begin."""
        self._began_s = time.monotonic()
        self._stopped.clear()

    def stop(self) -> None:
        """Wake a waiting reader with `EndOfStream`, from any thread."""
        self._stopped.set()

    def wait(self, due_ticks: int, timeout_s: float) -> None:
        """Wait until this many ticks have passed since the start.

        Raises
        ------
        SourceTimeout
            That is further away than the timeout, which has been waited for.
        EndOfStream
            `stop` was called.
        """
        if self._stopped.is_set():
            raise EndOfStream("The stream was stopped.")
        wait_s = self._began_s + due_ticks / self._ticks_per_s - time.monotonic()
        if wait_s <= 0:
            return
        if self._stopped.wait(min(wait_s, timeout_s)):
            raise EndOfStream("The stream was stopped.")
        if wait_s > timeout_s:
            raise SourceTimeout(f"At this speed the next samples come in {wait_s - timeout_s:.3g} s.")
