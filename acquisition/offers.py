"""What can be opened by name, told by those who open it: for pages and programs that let people choose a source."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from acquisition.source import ENTRY_POINT_GROUP

Opener = TypeVar("Opener", bound=Callable[..., Any])

_OFFERS: dict[Callable[..., Any], Callable[[], Sequence[Offer]]] = {}


@dataclass(frozen=True, slots=True)
class Offer:
    """A source that can be opened as it stands.

    Attributes
    ----------
    url
        As `open_source` takes it.
    description
        One line for people.
    """

    url: str
    description: str


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A scheme that `open_source` knows.

    Attributes
    ----------
    scheme
        The part of a URL before the colon.
    description
        One line for people: what its opener says it does.
    offers
        What it has by name; empty where files or addresses are to be named.
    """

    scheme: str
    description: str
    offers: tuple[Offer, ...] = ()


def offering(offers: Callable[[], Sequence[Offer]]) -> Callable[[Opener], Opener]:
    """Mark the opener of a source (`lightline.sources`) with a function that lists what it has by name."""

    def mark(opener: Opener) -> Opener:
        _OFFERS[opener] = offers
        return opener

    return mark


@lru_cache(maxsize=1)
def source_kinds() -> tuple[SourceKind, ...]:
    """Return every scheme, with those of other packages, by name; one that cannot be loaded says so."""
    points = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    return tuple(_kind(point.name, point.load) for point in points)


def _kind(scheme: str, load: Callable[[], Any]) -> SourceKind:
    try:
        opener = load()
    except ImportError as error:
        return SourceKind(scheme, f"Cannot be loaded here ({error}).")
    offers = _OFFERS.get(opener)
    return SourceKind(scheme, first_line(opener), () if offers is None else tuple(offers()))


def first_line(described: object) -> str:
    """Return the first line of a docstring; empty where there is none."""
    return (inspect.getdoc(described) or "").partition("\n")[0]
