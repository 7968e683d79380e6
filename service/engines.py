"""Engines that are opened when they are asked for, the last few of them kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from inference.bundle import Bundle
from inference.engine import Engine

_MOST_OPEN = 2


class Engines:
    """Engines by a key of their model, from any thread.

    Parameters
    ----------
    provider
        `auto`, `cpu` or `cuda`.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._open: OrderedDict[str, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def engine(self, key: str, load: Callable[[], Bundle]) -> Engine:
        """Return the engine of a key; the model is loaded where none is open, and what `load` raises is raised."""
        with self._lock:
            if key not in self._open:
                self._open[key] = Engine(load(), provider=self._provider)
                while len(self._open) > _MOST_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return self._open[key]
