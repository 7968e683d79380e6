"""What every source must keep to, as checks that anyone can run against their own.

Each check takes a function that makes a new, closed source, and raises `AssertionError` with a sentence::

    @pytest.mark.parametrize("check", CHECKS + REPEATABLE_CHECKS, ids=lambda check: check.__name__)
    def test_my_source(check):
        check(lambda: open_source("my:device"))

`python -m acquisition.testing my:device` runs them from the command line, one line a check.

`CHECKS` are for every source, `REPEATABLE_CHECKS` for recordings and seeded simulations. The others are for sources
made to behave in one certain way: `RAMP_CHECKS` with a counter as signal, `IDLE_CHECKS` with a pause, `OVERRUN_CHECKS`
with an overrun, `WRAP_CHECKS` with a 40-bit time stamp that wraps.
"""

from __future__ import annotations

from acquisition.testing.checks import (
    CHECKS,
    REPEATABLE_CHECKS,
    check_blocks_fit,
    check_blocks_keep,
    check_restart_is_a_new_epoch,
    check_stop_from_another_thread,
    check_stopped_is_ended,
    check_ticks_continue,
)
from acquisition.testing.drivers import IDLE_CHECKS, OVERRUN_CHECKS, RAMP_CHECKS, WRAP_CHECKS
from acquisition.testing.leaks import check_no_thread_stays, check_nothing_leaks
from acquisition.testing.tools import Check, MakeSource, ramp, take

__all__ = [
    "CHECKS",
    "IDLE_CHECKS",
    "OVERRUN_CHECKS",
    "RAMP_CHECKS",
    "REPEATABLE_CHECKS",
    "WRAP_CHECKS",
    "Check",
    "MakeSource",
    "check_blocks_fit",
    "check_blocks_keep",
    "check_no_thread_stays",
    "check_nothing_leaks",
    "check_restart_is_a_new_epoch",
    "check_stop_from_another_thread",
    "check_stopped_is_ended",
    "check_ticks_continue",
    "ramp",
    "take",
]
