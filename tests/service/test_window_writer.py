"""No cell is stored before its raw window: who stores waits for it, and learns when the disk refused it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from line_parts import known_event

from acquisition.event import Event
from service.errors import StorageError
from service.runs.window_writer import WindowWriter

EVENTS = [known_event(k, 500 * k) for k in range(1, 9)]


def ids(first: int, last: int) -> np.ndarray:
    return np.arange(first, last + 1, dtype=np.uint64)


class Disk:
    """Takes windows when it is let, all but those of some events; a fault of ours stands for event 0."""

    def __init__(self, refuses: Sequence[int] = ()) -> None:
        self.free = threading.Event()
        self.written: list[int] = []
        self.lost: list[int] = []
        self._refuses = refuses

    def write(self, events: Sequence[Event]) -> None:
        self.free.wait(5)
        if 0 in self._refuses:
            raise ZeroDivisionError
        if any(event.event_id in self._refuses for event in events):
            raise StorageError("The disk is full.")
        self.written += [event.event_id for event in events]

    def refused(self, events: Sequence[Event], error: StorageError) -> None:
        self.lost += [event.event_id for event in events]


def test_who_stores_waits_for_the_windows_and_all_that_were_given_are_written() -> None:
    disk = Disk()
    writer = WindowWriter(disk.write, disk.refused)
    with ThreadPoolExecutor(3) as threads:
        threads.submit(writer.run)
        writer.put(EVENTS[:3])
        asked = threads.submit(writer.written, ids(1, 3))
        assert not asked.done()
        writer.put(EVENTS[3:])
        writer.close()
        disk.free.set()
        assert asked.result(5) and writer.written(ids(4, 8)) and writer.written(ids(2, 2))
    assert disk.written == [event.event_id for event in EVENTS] and not disk.lost


def test_events_whose_windows_the_disk_refuses_are_told_and_the_others_are_not_hurt() -> None:
    disk = Disk(refuses=[4])
    disk.free.set()
    writer = WindowWriter(disk.write, disk.refused)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(writer.run)
        for first in (0, 3, 6):
            writer.put(EVENTS[first : first + 3])
            writer.written(ids(first + 1, min(first + 3, 8)))
        writer.close()
        assert [writer.written(ids(*span)) for span in ((1, 3), (4, 6), (6, 6), (7, 8))] == [True, False, False, True]
    assert disk.written == [1, 2, 3, 7, 8] and disk.lost == [4, 5, 6]


def test_a_fault_leaves_nobody_waiting() -> None:
    disk = Disk(refuses=[0])
    writer = WindowWriter(disk.write, disk.refused)
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(writer.run)
        writer.put(EVENTS)
        asked = threads.submit(writer.written, ids(1, 8))
        disk.free.set()
        assert asked.result(5) is False
        with pytest.raises(ZeroDivisionError):
            running.result(5)
        writer.put(EVENTS * 100)
