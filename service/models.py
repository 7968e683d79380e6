"""The models of a service beside those of its runs, opened when they are asked for."""

from __future__ import annotations

from inference.bundle import Bundle
from inference.engine import Engine
from inference.shipped import bundle_file, shipped_bundles
from service.engines import Engines
from service.errors import UnknownModel


class ModelShelf:
    """The models that come with Lightline, by name, from any thread; a few are kept open.

    Parameters
    ----------
    provider
        `auto`, `cpu` or `cuda`.
    """

    def __init__(self, provider: str = "auto") -> None:
        self._engines = Engines(provider)

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
        return self._engines.engine(name, lambda: Bundle.load(bundle_file(name)))
