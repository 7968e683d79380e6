"""Checks that starts and stops leave nothing behind."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

from acquisition.errors import EndOfStream, SourceTimeout
from acquisition.source import Source
from acquisition.testing.tools import MakeSource, expect

_OPEN_FILES = Path("/proc/self/fd")
_BYTES_ONCE = 256 << 10
_BYTES_A_START = 256


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
    """Check that starts and stops leave no memory behind; 1,000 of them say more, where a start is cheap."""
    with make() as source:
        _start_and_stop(source, 2)
    del source
    gc.collect()
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        with make() as source:
            _start_and_stop(source, starts)
        del source
        gc.collect()
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        if not tracing:
            tracemalloc.stop()
    expect(left < _BYTES_ONCE + _BYTES_A_START * starts, f"{left} bytes are left after {starts} starts")


def _start_and_stop(source: Source, starts: int) -> None:
    for _ in range(starts):
        source.start()
        with suppress(SourceTimeout, EndOfStream):
            source.read(0.0)
        source.stop()


def _open_files() -> int:
    return len(list(_OPEN_FILES.iterdir())) if _OPEN_FILES.is_dir() else 0
