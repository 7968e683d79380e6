"""Who does the pieces of a reprocessing: this process, one after the other, or others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Has pieces of work done, by whomever."""

    @property
    def threads(self) -> int:
        """How many pieces are done at a time."""

    def each(self, function: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
        """Return what the function makes of every piece, in their order, whatever the order they were done in."""


class InOrder:
    """The plain loop: needs nothing that is not there, and is what a cluster is compared with."""

    threads = 1

    def each(self, function: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
        """Return what the function makes of every piece, made when it is asked for."""
        return map(function, pieces)
