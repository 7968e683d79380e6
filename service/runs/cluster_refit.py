"""The clusters of a run, fitted again to its own cells as they flow; without it, a bundle's clusters are frozen."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from inference.errors import TrainingError
from inference.results import CellResults
from service.run import RunRequest
from service.status import RefitStatus

if TYPE_CHECKING:
    from inference.training.mixture import Mixture
    from inference.training.refit import Refitted

FORMAT = "lightline-mixtures/1"
_REMEMBERED = 2
"""A fit is to the cells since the fit before the last."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Version:
    number: int
    mixture: Mixture | None
    """None stands for the bundle's own, which is in its graph."""


class ClusterRefit:
    """Answers with the newest mixture of a run, which is fitted again after every so many cells.

    One thread gives it results; a fit runs in a thread of its own, and answers of a live source go on with the mixture
    of before until it is done. A source that waits is held until then, so that a replay gives the same answers again.
    A refit in which a cluster is not found again is refused, and the mixture of before stays.

    Parameters
    ----------
    every
        Cells from one fit to the next.
    waits
        Whether the source can wait for a fit.
    """

    def __init__(self, every: int, *, waits: bool) -> None:
        self._every, self._waits = every, waits
        self._seen: deque[tuple[Floats, Floats]] = deque()
        self._cells = self._since = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._version = _Version(0, None)
        self._documents: list[dict[str, Any]] = []
        self._saved = 0
        self._status = RefitStatus()

    def status(self) -> RefitStatus:
        """Return which mixture answers, and how the last fit went; from any thread."""
        with self._lock:
            return self._status

    def answered(self, results: CellResults) -> CellResults:
        """Return results with the posterior of the newest mixture, and its number; begin a fit where one is due."""
        version = self._version
        found = replace(results, mixture=np.full(len(results), version.number, dtype=np.int32))
        if version.mixture is not None:
            from inference.training.refit import posterior

            found = replace(found, cluster_posterior=posterior(version.mixture, results.embedding))
        self._remember(found)
        if self._since >= self._every and (self._thread is None or not self._thread.is_alive()):
            self._begin()
        return found

    def save(self, write: Callable[[bytes], None]) -> None:
        """Write every mixture so far, if there are new ones.

        Raises
        ------
        StorageError
            If `write` does.
        """
        with self._lock:
            documents = list(self._documents)
        if len(documents) == self._saved:
            return
        write(json.dumps({"format": FORMAT, "mixtures": documents}, indent=1).encode())
        self._saved = len(documents)

    def finish(self) -> None:
        """Wait for a fit that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _remember(self, results: CellResults) -> None:
        self._seen.append((results.embedding, results.cluster_posterior))
        self._cells += len(results)
        self._since += len(results)
        while self._cells - len(self._seen[0][0]) >= _REMEMBERED * self._every:
            self._cells -= len(self._seen.popleft()[0])

    def _begin(self) -> None:
        embedding, share = (np.concatenate(part) for part in zip(*self._seen, strict=True))
        self._since = 0
        self._thread = threading.Thread(
            target=self._fit, args=(self._version, embedding, share), name="line-refit", daemon=True
        )
        self._thread.start()
        if self._waits:
            self._thread.join()

    def _fit(self, before: _Version, embedding: Floats, share: Floats) -> None:
        from inference.training.refit import mixture_as_seen, refitted

        try:
            found = refitted(embedding, before.mixture or mixture_as_seen(embedding, share))
        except TrainingError as reason:
            with self._lock:
                refused = self._status.refused + 1
                self._status = self._status.model_copy(update={"refused": refused, "reason": str(reason)})
            return
        with self._lock:
            self._version = _Version(before.number + 1, found.mixture)
            self._documents.append(_document(self._version.number, len(embedding), found))
            self._status = RefitStatus(
                mixture=self._version.number,
                cells=len(embedding),
                distance=tuple(found.distance.tolist()),
                refused=self._status.refused,
            )


def cluster_refit(request: RunRequest, *, waits: bool) -> ClusterRefit | None:
    """Return what fits the clusters of a run again, None where nobody asked for it.

    Raises
    ------
    ConfigError
        If what it needs is not installed.
    """
    if not request.refit:
        return None
    try:
        import inference.training.refit  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"To fit clusters again needs '{error.name}', which acquisition does not; "
            "install it with: pip install 'lightline[train]'."
        ) from None
    return ClusterRefit(request.refit_cells, waits=waits)


def _document(number: int, cells: int, found: Refitted) -> dict[str, Any]:
    mixture = found.mixture
    return {
        "mixture": number,
        "cells": cells,
        "distance": found.distance.tolist(),
        "weight": mixture.weight.tolist(),
        "mean": mixture.mean.tolist(),
        "precision_factor": mixture.precision_factor.tolist(),
    }
