"""Threads that must not be late come before every other program where the system lets them, and say so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from acquisition.precedence import PRIORITY, come_first

T = TypeVar("T")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")

WITHOUT_A_RIGHT_TO_IT = """
import os, resource
from acquisition.precedence import come_first
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)
print(come_first(), os.sched_getscheduler(0) == os.SCHED_OTHER)
"""

DECLINED = """
import os
from acquisition.precedence import come_first, decline, is_allowed
decline()
print(is_allowed(), come_first(), os.sched_getscheduler(0) == os.SCHED_OTHER)
"""


def in_a_thread(ask: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()


@pytest.fixture
def permitted() -> None:
    if not in_a_thread(come_first):
        pytest.skip("this user may not run threads in real time")


def printed(program: str) -> list[str]:
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return said.stdout.split()


def turns() -> tuple[bool, int]:
    policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    return policy == os.SCHED_RR, os.sched_getparam(0).sched_priority


@pytest.mark.usefixtures("permitted")
def test_a_thread_comes_first_and_later_takes_turns_again_and_its_children_always_do() -> None:
    def tell() -> list[tuple[bool, int]]:
        come_first()
        found = [turns(), in_a_thread(turns)]
        come_first(False)
        return [*found, turns()]

    assert in_a_thread(tell) == [(True, PRIORITY), (False, 0), (False, 0)]
    # It was that thread alone.
    assert turns() == (False, 0)


@pytest.mark.usefixtures("permitted")
def test_whoever_was_given_turns_by_somebody_else_keeps_them() -> None:
    def tell() -> bool:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        come_first(False)
        return os.sched_getscheduler(0) == os.SCHED_FIFO

    assert in_a_thread(tell)


@pytest.mark.usefixtures("permitted")
def test_nobody_comes_first_on_a_single_processor() -> None:
    def tell() -> bool:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        return come_first()

    assert not in_a_thread(tell)


def test_where_the_system_does_not_allow_it_a_thread_goes_on_as_before() -> None:
    assert printed(WITHOUT_A_RIGHT_TO_IT) == ["False", "True"]


def test_a_process_can_do_without() -> None:
    assert printed(DECLINED) == ["False", "False", "True"]
