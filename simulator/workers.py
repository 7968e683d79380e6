"""Work done in order by one thread or by several."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_AHEAD = 2
"""Tasks under way for every thread."""


class InlineExecutor(Executor):
    """Does its work at once, in the thread that asks."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it now; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Workers:
    """A pool of threads, or for one thread the caller's own.

    Parameters
    ----------
    threads
        How many; at least 1.
    """

    def __init__(self, threads: int) -> None:
        self._executor: Executor = InlineExecutor() if threads == 1 else ThreadPoolExecutor(threads, "simulator")
        self._ahead = 1 if threads == 1 else _AHEAD * threads

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Have a task done; tasks begin in the order in which they were given."""
        return self._executor.submit(task)

    def in_order(self, tasks: Iterator[Callable[[], T]]) -> Iterator[T]:
        """Give the results of tasks in their order, with a bounded number of them under way."""
        under_way: deque[Future[T]] = deque()
        for task in tasks:
            under_way.append(self.submit(task))
            if len(under_way) >= self._ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def close(self) -> None:
        """End the threads; what has not begun is not done."""
        self._executor.shutdown(cancel_futures=True)
