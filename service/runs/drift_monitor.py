"""Looks at the cells of a run, window by window, for drift."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from inference.contract import DriftSpec
from inference.drift import WINDOW, Drift, drift_of
from service.status import DriftStatus


class DriftMonitor:
    """Takes embeddings from one thread and tells any other how the last whole window of 500 cells compares.

    Parameters
    ----------
    reference
        What the bundle's contract says of ordinary cells; None where it says nothing, and then nothing is told.
    """

    def __init__(self, reference: DriftSpec | None) -> None:
        self._reference = reference
        self._lock = threading.Lock()
        self._waiting: list[npt.NDArray[np.float32]] = []
        self._cells = self._windows = self._alarms = 0
        self._last: Drift | None = None

    def add(self, embedding: npt.NDArray[np.float32]) -> None:
        """Enter the embeddings `(n, d)` of cells; where a window is full, compare it."""
        if self._reference is None:
            return
        self._waiting.append(embedding)
        self._cells += len(embedding)
        if self._cells < WINDOW:
            return
        found = drift_of(np.concatenate(self._waiting), self._reference.quantiles, self._reference.cells)
        self._waiting, self._cells = [], 0
        with self._lock:
            self._last = found
            self._windows += 1
            self._alarms += found.alarm

    def status(self) -> DriftStatus | None:
        """Return how the last window compares; None before the first."""
        with self._lock:
            if self._last is None:
                return None
            return DriftStatus(
                alarm=self._last.alarm,
                axis=self._last.axis,
                distance=self._last.distance,
                p=self._last.p,
                windows=self._windows,
                alarms=self._alarms,
            )
