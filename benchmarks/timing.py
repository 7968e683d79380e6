"""Timing two ways of doing one thing, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True)
class Row:
    """One line of the table: what, how fast, and against what."""

    what: str
    rate: float
    unit: str
    against: str
    ratio: float

    def __str__(self) -> str:
        return f"{self.what:<52} {self.rate:>10.4g} {self.unit:<12} {self.ratio:>8.3g} x {self.against}"


def in_turn(first: Callable[[], object], second: Callable[[], object], rounds: int = 5) -> tuple[float, float, float]:
    """Median seconds of both, after one unmeasured run of each, and the median of second over first, pair by pair."""
    first()
    second()
    pairs = []
    for _ in range(rounds):
        times = []
        for function in (first, second):
            began = time.perf_counter()
            function()
            times.append(time.perf_counter() - began)
        pairs.append(times)
    ratios = [b / a for a, b in pairs]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), statistics.median(ratios)


ROUNDS = 25
"""Passes of which the quickest counts."""


def best_of(
    first: Callable[[], object], second: Callable[[], object], rounds: int = ROUNDS, *, rest_s: float = 0.0
) -> tuple[float, float]:
    """Least seconds of both, in turn: on a machine that others use as well, the least is what the work takes.

    Parameters
    ----------
    rest_s
        Before every pass, and an unmeasured one after the rest: threads which one leaves asking for work do not take
        the cores from the other, and each finds its own awake.
    """
    first()
    second()
    best = [np.inf, np.inf]
    for _ in range(rounds):
        for k, function in enumerate((first, second)):
            if rest_s:
                time.sleep(rest_s)
                function()
            began = time.perf_counter()
            function()
            best[k] = min(best[k], time.perf_counter() - began)
    return best[0], best[1]


@numba.njit(nogil=True)
def _read_all(words: np.ndarray) -> int:
    total = 0
    for i in range(words.shape[0]):
        total ^= words[i]
    return total


def read_once(samples: np.ndarray) -> Callable[[], object]:
    """A pass over the bytes of an array that does nothing but read: the limit of the memory."""
    flat = samples.reshape(-1).view(np.uint8)
    words = flat[: flat.size // 8 * 8].view(np.int64)
    return lambda: _read_all(words)
