"""The contiguous stretch of samples that detection still needs."""

from __future__ import annotations

import numpy as np

from acquisition.block import Samples


class StreamBuffer:
    """Samples without a gap, addressed by tick; grows at the end and is trimmed at the front.

    Parameters
    ----------
    first_tick
        Tick of the first sample that will be appended.
    n_channels, dtype
        Of the blocks to come.
    """

    def __init__(self, first_tick: int, n_channels: int, dtype: np.dtype[np.int8] | np.dtype[np.int16]) -> None:
        self.first_tick = first_tick
        self._store = np.empty((1 << 16, n_channels), dtype=dtype)
        self._begin = 0
        self._end = 0
        self._begin_tick = first_tick

    @property
    def begin_tick(self) -> int:
        """Tick of the oldest sample still held."""
        return self._begin_tick

    @property
    def end_tick(self) -> int:
        """Tick after the newest sample."""
        return self._begin_tick + self._end - self._begin

    def append(self, data: Samples) -> None:
        """Copy `(n_samples, n_channels)` samples to the end."""
        needed = self._end + data.shape[0]
        if needed > self._store.shape[0]:
            held = self._end - self._begin
            room = max(self._store.shape[0], 2 * (held + data.shape[0]))
            store = self._store if room == self._store.shape[0] else np.empty((room, data.shape[1]), self._store.dtype)
            store[:held] = self._store[self._begin : self._end].copy()
            self._store, self._begin, self._end = store, 0, held
        self._store[self._end : self._end + data.shape[0]] = data
        self._end += data.shape[0]

    def view(self, start_tick: int, stop_tick: int) -> Samples:
        """Return the samples of `[start_tick, stop_tick)`, cut to what is held; valid until the next append."""
        start = max(start_tick, self._begin_tick) - self._begin_tick + self._begin
        stop = min(stop_tick, self.end_tick) - self._begin_tick + self._begin
        return self._store[start : max(start, stop)]

    def trim(self, tick: int) -> None:
        """Forget what lies before this tick."""
        drop = min(max(tick - self._begin_tick, 0), self._end - self._begin)
        self._begin += drop
        self._begin_tick += drop
