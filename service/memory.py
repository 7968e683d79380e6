"""How a process takes memory: threads share few pools, and what was given back is kept for what comes next."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""As in glibc's `malloc.h`."""
KEPT_BYTES = 1 << 28
"""What a process may hold though it gave it back."""
_LARGEST_BYTES = 1 << 25
"""Of one piece that is taken from what is kept: the most that glibc allows."""
POOLS = 2


def share_pools() -> None:
    """Have all threads of this process take memory from two pools; call it before they start.

    glibc would have eight for every processor. Windows and images are made by one thread and given back by another, and
    leave holes in the pools of all of them. Where there is no glibc, or `MALLOC_ARENA_MAX` says how many, this does
    nothing.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        _set(_M_ARENA_MAX, POOLS)


def keep_freed() -> None:
    """Have this process keep memory that was given back, up to `KEPT_BYTES`, for the next batch of windows and images.

    Dask has its workers give pages back to the system at once, which then clears others for them, batch after batch.
    Where there is no glibc, this does nothing.
    """
    _set(_M_MMAP_THRESHOLD, _LARGEST_BYTES)
    _set(_M_TRIM_THRESHOLD, KEPT_BYTES)


def _set(option: int, value: int) -> None:
    # No such function, or no such library.
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(option, value)
