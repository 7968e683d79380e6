"""Precedence on the processors, for threads that lose samples or hold up cells where they have to wait for a turn."""

from __future__ import annotations

import os
import threading

PRIORITY = 1
"""Of real time the lowest: before every ordinary program, and behind whatever the system itself runs in real time."""
_FEWEST_PROCESSORS = 2
"""With fewer, a stream that is more than the computer can do would leave nobody else a turn."""
_declined = threading.Event()


def decline() -> None:
    """Let no thread of this process come first from now on."""
    _declined.set()


def is_allowed() -> bool:
    """Whether threads may come first as far as this process is concerned; the system may think otherwise."""
    return not _declined.is_set()


def come_first(first: bool = True) -> bool:
    """Let the calling thread run whenever it can, before every ordinary program; False if it may not, or need not.

    Threads and processes that it starts do not inherit that. On Linux this is the real-time policy `SCHED_RR`, see
    `sched(7)`, which takes the capability `CAP_SYS_NICE` or a limit `rtprio` of at least 1. A computer with one
    processor, and other systems, have it for nobody.

    Parameters
    ----------
    first
        False to wait for its turn again, if this function let it come first before.
    """
    if not hasattr(os, "sched_setscheduler"):
        return False
    before_all = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    if not first:
        if os.sched_getscheduler(0) == before_all:
            # Who may not come first may not give up either that its children do not.
            os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        return False
    if _declined.is_set() or len(os.sched_getaffinity(0)) < _FEWEST_PROCESSORS:
        return False
    try:
        os.sched_setscheduler(0, before_all, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True
