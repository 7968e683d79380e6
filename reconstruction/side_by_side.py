"""The samples of a window channel by channel: what is read many times is read faster where it lies together."""

from __future__ import annotations

import threading
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples

STRETCH = 1024
"""Words taken at a time, which stay in the cache while each channel is picked out of them."""
_WORDS = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pick(words: npt.NDArray[Any], bits: int, channels: Samples) -> None:
    """Take the `(n,)` words of one sample of every channel apart into `channels` `(n_channels, n)`."""
    for start in range(0, words.shape[0], STRETCH):
        part = words[start : start + STRETCH]
        for c in range(channels.shape[0]):
            picked, shift = channels[c, start : start + STRETCH], bits * c
            for m in range(part.shape[0]):
                # The higher channels fall off when the word is cut to the width of a sample.
                picked[m] = part[m] >> shift


class Splitter:
    """Takes windows apart; each thread has its own room, which the next window of the thread takes over."""

    def __init__(self) -> None:
        self._room = threading.local()

    def split(self, window: Samples) -> Samples:
        """Return the `(n, n_channels)` samples in another order in memory: the columns are contiguous.

        They are only good until the next call from this thread.
        """
        n, n_channels = window.shape
        room: npt.NDArray[np.uint8] | None = getattr(self._room, "room", None)
        if room is None or room.size < window.nbytes:
            room = self._room.room = np.empty(window.nbytes + window.nbytes // 4, dtype=np.uint8)
        channels = room[: window.nbytes].view(window.dtype).reshape(n_channels, n)
        word = _WORDS.get(n_channels * window.itemsize)
        if word is not None and window.flags.c_contiguous and np.little_endian:
            _pick(window.reshape(-1).view(word), 8 * window.itemsize, channels)
        else:
            np.copyto(channels, window.T)
        return channels.T
