"""The samples of a window channel by channel: what is read many times is read faster where it lies together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.clipping import count_clipped
from acquisition.instrument import Instrument

STRETCH = 1024
"""Words taken at a time, which stay in the cache while each channel is picked out of them."""
_WORDS = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}

Longs = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pick(
    words: npt.NDArray[Any], bits: int, columns: Longs, lowest: int, highest: int, channels: Samples, clipped: Longs
) -> None:
    """Take these channels of the `(n,)` words of one sample of every channel apart, into their rows of `channels`.

    Adds to `clipped`, `(columns,)`, how many samples of each stand at the ends of the converter's range.
    """
    for start in range(0, words.shape[0], STRETCH):
        part = words[start : start + STRETCH]
        for k in range(columns.shape[0]):
            c = columns[k]
            picked, shift = channels[c, start : start + STRETCH], bits * c
            for m in range(part.shape[0]):
                # The higher channels fall off when the word is cut to the width of a sample.
                picked[m] = part[m] >> shift
            # Most stretches have none, and extremes compile to vector instructions.
            low = high = picked[0]
            for m in range(part.shape[0]):
                low, high = min(low, picked[m]), max(high, picked[m])
            if low <= lowest or high >= highest:
                for m in range(part.shape[0]):
                    clipped[k] += (picked[m] <= lowest) | (picked[m] >= highest)


class Splitter:
    """Takes windows apart; each thread has its own room, which the next window of the thread takes over.

    Parameters
    ----------
    instrument
        Whose windows they are.
    columns
        Channels to take out.
    """

    def __init__(self, instrument: Instrument, columns: Sequence[int]) -> None:
        self._digitizer = instrument.digitizer
        self._columns = np.array(columns, dtype=np.int64)
        self._room = threading.local()

    def split(self, window: Samples) -> tuple[Samples, float]:
        """Return the `(n, n_channels)` samples in another order in memory: the columns are contiguous.

        They are only good until the next call from this thread, and only the columns asked for are there. Beside them
        stands the share of samples at the ends of the converter's range, in the column that has most.
        """
        n, n_channels = window.shape
        room: npt.NDArray[np.uint8] | None = getattr(self._room, "room", None)
        if room is None or room.size < window.nbytes:
            room = self._room.room = np.empty(window.nbytes + window.nbytes // 4, dtype=np.uint8)
        channels = room[: window.nbytes].view(window.dtype).reshape(n_channels, n)
        word = _WORDS.get(n_channels * window.itemsize)
        if word is not None and window.flags.c_contiguous and np.little_endian:
            clipped = np.zeros(self._columns.size, dtype=np.int64)
            lowest, highest = self._digitizer.lowest, self._digitizer.highest
            words = window.reshape(-1).view(word)
            _pick(words, 8 * window.itemsize, self._columns, lowest, highest, channels, clipped)
        else:
            np.copyto(channels, window.T)
            clipped = count_clipped(window, self._digitizer)[self._columns]
        return channels.T, float(clipped.max(initial=0)) / max(n, 1)
