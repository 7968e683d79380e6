"""The other end of a task: a process that tells how far it is on stdout, and ends with the service that began it."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable

from acquisition.errors import LightlineError

NICENESS = 10
"""A run that is being acquired goes first."""


def tell(done: int, total: int) -> None:
    """Say how far the task is."""
    _say({"done": done, "total": total})


def work(task: Callable[[], object]) -> int:
    """Do a task; return the exit code: 0, or 2 where it cannot be done, which is told in a sentence.

    The board holds stdin open as long as the service lives: where it ends, however that was, so does this process.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threading.Thread(target=_end_with_the_service, name="task-lifeline", daemon=True).start()
    try:
        task()
    except LightlineError as error:
        _say({"error": str(error)})
        return 2
    return 0


def _end_with_the_service() -> None:
    # Not through a buffer, whose lock would be held when the process ends by itself.
    while os.read(sys.stdin.fileno(), 1):
        continue
    os._exit(3)


def _say(news: dict[str, object]) -> None:
    print(json.dumps(news), flush=True)
