"""What a page in Chromium is doing: how long its main thread is busy, by the clock and by the processor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page

_TASK = "ThreadControllerImpl::RunTask"
_MAIN = "CrRendererMain"
_CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel"]
_LONG_MS = 50.0


@dataclass(frozen=True)
class Task:
    """One piece of work of a main thread: what the clock says it took, and what the processor did for it, in ms.

    Where the second is less than the first, the thread was kept from the processor by others.
    """

    wall_ms: float
    work_ms: float


@dataclass
class Work:
    """What was done while a page was looked at; filled when that is over."""

    tasks: list[Task] = field(default_factory=list)

    @property
    def total_ms(self) -> float:
        """Processor time of the main thread."""
        return sum(task.work_ms for task in self.tasks)

    def longest(self) -> tuple[Task, Task]:
        """Return the task that took longest by the clock, and the one that did by the processor."""
        none = [Task(0.0, 0.0)]
        return (
            max(self.tasks or none, key=lambda task: task.wall_ms),
            max(self.tasks or none, key=lambda task: task.work_ms),
        )

    def long(self) -> tuple[int, int]:
        """Return how many tasks took more than 50 ms by the clock, and how many by the processor."""
        by_clock = sum(task.wall_ms > _LONG_MS for task in self.tasks)
        return by_clock, sum(task.work_ms > _LONG_MS for task in self.tasks)


@contextmanager
def watched(browser: Browser, page: Page) -> Iterator[Work]:
    """Note what the main thread of a page does until the end of the block."""
    work = Work()
    browser.start_tracing(page=page, categories=_CATEGORIES)
    try:
        yield work
    finally:
        work.tasks = _tasks(json.loads(browser.stop_tracing())["traceEvents"])


def _tasks(events: list[dict[str, object]]) -> list[Task]:
    """Return the tasks of the busiest main thread: other pages of the browser do next to nothing."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == _MAIN  # type: ignore[index]
    }
    by_thread: dict[object, list[Task]] = {}
    for event in events:
        thread = (event["pid"], event["tid"])
        if event["ph"] == "X" and thread in mains and event["name"] == _TASK:
            wall, work = (float(str(event.get(name, 0.0))) / 1e3 for name in ("dur", "tdur"))
            by_thread.setdefault(thread, []).append(Task(wall, work))
    return max(by_thread.values(), key=lambda tasks: sum(task.work_ms for task in tasks), default=[])
