"""How the service takes memory: threads share few pools, so that little of what they gave back lies unused."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

_M_ARENA_MAX = -8
"""As in glibc's `malloc.h`."""
POOLS = 2


def share_pools() -> None:
    """Have all threads of this process take memory from two pools; call it before they start.

    glibc would have eight for every processor. Windows and images are made by one thread and given back by another, and
    leave holes in the pools of all of them. Where there is no glibc, or `MALLOC_ARENA_MAX` says how many, this does
    nothing.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        # No such function, or no such library.
        with suppress(AttributeError, OSError, TypeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, POOLS)
