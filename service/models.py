"""The models of a service beside those of its runs, opened when they are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict

from inference.bundle import Bundle
from inference.engine import Engine
from inference.shipped import bundle_file, shipped_bundles
from service.errors import UnknownModel

_MOST_OPEN = 2


class ModelShelf:
    """The models that come with Lightline, by name, from any thread; a few are kept open.

    Parameters
    ----------
    provider
        `auto`, `cpu` or `cuda`.
    """

    def __init__(self, provider: str = "auto") -> None:
        self._provider = provider
        self._open: OrderedDict[str, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return which models there are."""
        return shipped_bundles()

    def engine(self, name: str) -> Engine:
        """Return an engine of a model.

        Raises
        ------
        UnknownModel
            If there is none of that name.
        """
        if name not in self.names():
            raise UnknownModel(f"There is no model '{name[:64]}'; there are {', '.join(self.names())}.")
        with self._lock:
            if name not in self._open:
                self._open[name] = Engine(Bundle.load(bundle_file(name)), provider=self._provider)
                while len(self._open) > _MOST_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(name)
            return self._open[name]
