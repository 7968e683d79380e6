"""Checks that starts and stops leave nothing behind."""

from __future__ import annotations

import gc
import mmap
import threading
import time
from contextlib import suppress
from pathlib import Path

from acquisition.errors import EndOfStream, SourceTimeout
from acquisition.source import Source
from acquisition.testing.tools import MakeSource, expect

_OPEN_FILES = Path("/proc/self/fd")
_MEMORY = Path("/proc/self/statm")
_BYTES_ONCE = 4 << 20
_BYTES_A_START = 1 << 10


def check_no_thread_stays(make: MakeSource, starts: int = 50) -> None:
    """Check that many starts and stops leave no thread and no open file behind."""
    before, files = set(threading.enumerate()), _open_files()
    with make() as source:
        _start_and_stop(source, starts)
    deadline_s = time.monotonic() + 1.0
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    expect(not left, f"threads are left: {', '.join(thread.name for thread in left)}")
    # Others in this process may open a file meanwhile, but not one for every second start.
    expect(_open_files() - files <= starts // 2, f"{_open_files() - files} files are left open after {starts} starts")


def check_nothing_leaks(make: MakeSource, starts: int = 10) -> None:
    """Check that starts and stops leave no memory behind; 1,000 of them say more, where a start is cheap.

    The resident memory of the process is looked at, three times: what is kept once grows in one of two rounds at most.
    """
    with make() as source:
        sizes = []
        for _ in range(3):
            _start_and_stop(source, starts)
            gc.collect()
            sizes.append(_resident_bytes())
    grown = min(sizes[1] - sizes[0], sizes[2] - sizes[1])
    expect(grown < _BYTES_ONCE + _BYTES_A_START * starts, f"every {starts} starts leave {grown} bytes behind")


def _start_and_stop(source: Source, starts: int) -> None:
    for _ in range(starts):
        source.start()
        with suppress(SourceTimeout, EndOfStream):
            source.read(0.0)
        source.stop()


def _open_files() -> int:
    return len(list(_OPEN_FILES.iterdir())) if _OPEN_FILES.is_dir() else 0


def _resident_bytes() -> int:
    """Return 0 where the system does not say it in this way, and the check then passes."""
    return int(_MEMORY.read_text().split()[1]) * mmap.PAGESIZE if _MEMORY.is_file() else 0
