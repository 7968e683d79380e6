"""Compiled work on the events of a batch, on as many threads as processors, or as `OMP_NUM_THREADS` allows."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

PIECE = 8
"""Events that a thread takes at a time: some milliseconds, so that the last one is not waited for long."""
MODESTY = 5
"""By how much helpers stand back, as `nice` counts it: who finds events has to keep up, or samples are lost."""


def share_out(work: Callable[[slice], None], count: int) -> None:
    """Let `work` do every slice of `count` things, by this thread and by those that are free.

    Nobody is waited for but those at work: on processors that are busy with something else, this thread does it all.

    Parameters
    ----------
    work
        Called with slices that do not overlap; it gains where it is compiled code that lets other threads run.
    """
    pieces = [slice(first, min(first + PIECE, count)) for first in range(0, count, PIECE)]
    if len(pieces) < 2:
        for piece in pieces:
            work(piece)
        return
    # Several threads may take from the iterator of a list, each what no other has.
    left = iter(pieces)

    def take() -> None:
        for piece in left:
            work(piece)

    helpers, others = _helpers(), min(_processors(), len(pieces)) - 1
    started = [helpers.submit(take) for _ in range(others)]
    try:
        take()
    finally:
        at_work = [helper for helper in started if not helper.cancel()]
        wait(at_work)
    for helper in at_work:
        helper.result()


def threads_said() -> int | None:
    """Return what OMP_NUM_THREADS says, as Dask does to its workers; None where it says nothing."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else None


@cache
def _processors() -> int:
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return threads_said() or there or 1


@cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, _processors() - 1), "share-out", _stand_back)


def _stand_back() -> None:
    """Let every other thread come first, where each has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + MODESTY)
