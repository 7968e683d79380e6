"""Counting samples that the converter could not hold."""

from __future__ import annotations

from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.instrument import Digitizer

_BLOCK = 4096
"""Samples that are looked at before those at the ends are counted."""


def ends_of(digitizer: Digitizer) -> Samples:
    """Lowest and highest count, `(2,)`: of the samples' own type, so that 32 of them are compared at a time."""
    return cast("Samples", np.array([digitizer.lowest, digitizer.highest], digitizer.dtype))


def count_clipped(samples: Samples, digitizer: Digitizer) -> npt.NDArray[np.int64]:
    """Count the samples of each channel at the ends of the converter's range, `(n_channels,)`."""
    counts = np.zeros(samples.shape[1], np.int64)
    ends = ends_of(digitizer)
    if samples.flags.f_contiguous:
        for c in range(counts.size):
            count_at_ends(samples[:, c], ends, counts[c : c + 1])
    else:
        count_at_ends(np.ascontiguousarray(samples).reshape(-1), ends, counts)
    return counts


def copy_counted(samples: Samples, ends: Samples, counts: npt.NDArray[np.int64]) -> Samples:
    """Copy contiguous `(n_samples, n_channels)` samples; those at the `ends` are added to the counts on the way."""
    copied = np.empty_like(samples)
    _copy_counted(samples.reshape(-1), ends, copied.reshape(-1), counts)
    return copied


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
    block = _BLOCK * counts.shape[0]
    for start in range(0, flat.shape[0], block):
        piece = flat[start : start + block]
        # Most stretches have none, and looking at all channels at once compiles to vector instructions.
        any_clipped = False
        for i in range(piece.shape[0]):
            at = np.uint64(i)
            any_clipped |= (piece[at] <= ends[0]) | (piece[at] >= ends[1])
        if any_clipped:
            _count_in(piece, ends, counts)


@numba.njit(cache=True, nogil=True)
def _copy_counted(
    flat: npt.NDArray[Any], ends: npt.NDArray[Any], copied: npt.NDArray[Any], counts: npt.NDArray[np.int64]
) -> None:
    block = _BLOCK * counts.shape[0]
    for start in range(0, flat.shape[0], block):
        piece, target = flat[start : start + block], copied[start : start + block]
        any_clipped = False
        for i in range(piece.shape[0]):
            at = np.uint64(i)
            sample = piece[at]
            any_clipped |= (sample <= ends[0]) | (sample >= ends[1])
            target[at] = sample
        if any_clipped:
            _count_in(target, ends, counts)


@numba.njit(cache=True, nogil=True)
def _count_in(piece: npt.NDArray[Any], ends: npt.NDArray[Any], counts: npt.NDArray[np.int64]) -> None:
    for i in range(piece.shape[0]):
        if piece[i] <= ends[0] or piece[i] >= ends[1]:
            counts[i % counts.shape[0]] += 1
