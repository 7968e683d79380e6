"""The contiguous stretch of samples that detection still needs."""

from __future__ import annotations

from bisect import bisect_right
from typing import cast

import numpy as np

from acquisition.block import Samples

GATHER_BYTES = 1 << 20
"""Smaller blocks are copied together; larger ones are kept as they came."""


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
        self._empty = np.empty((0, n_channels), dtype=dtype)
        self._pieces: list[Samples] = []
        self._starts: list[int] = []
        self._gathered: Samples | None = None
        self._begin_tick = first_tick
        self._end_tick = first_tick

    @property
    def begin_tick(self) -> int:
        """Tick of the oldest sample still held."""
        return self._begin_tick

    @property
    def end_tick(self) -> int:
        """Tick after the newest sample."""
        return self._end_tick

    def append(self, data: Samples, borrowed: bool = False) -> None:
        """Take `(n_samples, n_channels)` samples at the end.

        They must not change any more, unless they are `borrowed`, and copied for that.
        """
        if data.shape[0] == 0:
            return
        if data.nbytes < GATHER_BYTES:
            self._gather(data)
        else:
            kept = data.copy() if borrowed or not data.flags.c_contiguous else data
            self._gathered = None
            self._add(kept)
        self._end_tick += data.shape[0]

    def view(self, start_tick: int, stop_tick: int) -> Samples:
        """Return the samples of `[start_tick, stop_tick)`, cut to what is held."""
        start, stop = max(start_tick, self._begin_tick), min(stop_tick, self._end_tick)
        if stop <= start:
            return self._empty
        first = bisect_right(self._starts, start) - 1
        at, piece = self._starts[first], self._pieces[first]
        if stop <= at + piece.shape[0]:
            return piece[start - at : stop - at]
        parts: list[Samples] = []
        for at, piece in zip(self._starts[first:], self._pieces[first:], strict=True):
            if at >= stop:
                break
            parts.append(piece[max(0, start - at) : stop - at])
        return cast("Samples", np.concatenate(parts))

    def piece(self, tick: int) -> Samples:
        """Return the samples from a held tick on that lie together in memory."""
        if not self._begin_tick <= tick < self._end_tick:
            return self._empty
        k = bisect_right(self._starts, tick) - 1
        return self._pieces[k][tick - self._starts[k] :]

    def trim(self, tick: int) -> None:
        """Forget what lies before this tick."""
        self._begin_tick = min(max(tick, self._begin_tick), self._end_tick)
        gone = bisect_right(self._starts, self._begin_tick) - 1
        if gone > 0:
            del self._pieces[:gone], self._starts[:gone]

    def split(self, tick: int) -> StreamBuffer:
        """End this buffer at a held tick; return what follows as a stretch of its own."""
        rest = StreamBuffer(tick, self._empty.shape[1], self._empty.dtype)
        if tick < self._end_tick:
            rest.append(self.view(tick, self._end_tick))
        kept = self.view(self._begin_tick, tick)
        self._pieces, self._starts, self._gathered = [kept], [self._begin_tick], None
        self._end_tick = tick
        return rest

    def _add(self, data: Samples) -> None:
        self._pieces.append(data)
        self._starts.append(self._end_tick)

    def _gather(self, data: Samples) -> None:
        """Copy a small block behind the one before, as long as there is room."""
        held = self._pieces[-1].shape[0] if self._gathered is not None else 0
        store = self._gathered
        if store is None or held + data.shape[0] > store.shape[0]:
            row_bytes = max(1, self._empty.dtype.itemsize * self._empty.shape[1])
            store = cast("Samples", np.empty((max(2 * GATHER_BYTES // row_bytes, 1), data.shape[1]), data.dtype))
            self._gathered, held = store, 0
            self._add(store[:0])
        store[held : held + data.shape[0]] = data
        self._pieces[-1] = store[: held + data.shape[0]]
