"""Counting samples that the converter could not hold."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.instrument import Digitizer


def count_clipped(samples: Samples, digitizer: Digitizer) -> npt.NDArray[np.int64]:
    """Count the samples of each channel at the ends of the converter's range, `(n_channels,)`."""
    counts = np.zeros(samples.shape[1], np.int64)
    # Of the samples' own type, 32 of them are compared at a time.
    ends = np.array([digitizer.lowest, digitizer.highest], samples.dtype)
    if samples.flags.f_contiguous:
        for c in range(counts.size):
            count_at_ends(samples[:, c], ends, counts[c : c + 1])
    else:
        count_at_ends(np.ascontiguousarray(samples).reshape(-1), ends, counts)
    return counts


@numba.njit(cache=True, nogil=True)
def count_at_ends(flat: npt.NDArray[Any], ends: npt.NDArray[Any], counts: npt.NDArray[np.int64]) -> None:
    """Add the samples at or beyond the `ends` (lowest and highest, of the samples' type) to the counts.

    Parameters
    ----------
    flat
        Samples, all channels of a sample together.
    counts
        `(n_channels,)`, written.
    """
    n_channels = counts.shape[0]
    lowest, highest = ends[0], ends[1]
    block = 4096 * n_channels
    for start in range(0, flat.shape[0], block):
        piece = flat[start : start + block]
        # Most stretches have none, and looking at all channels at once compiles to vector instructions.
        any_clipped = False
        for i in range(piece.shape[0]):
            at = np.uint64(i)
            any_clipped |= (piece[at] <= lowest) | (piece[at] >= highest)
        if any_clipped:
            for i in range(piece.shape[0]):
                if piece[i] <= lowest or piece[i] >= highest:
                    counts[i % n_channels] += 1
