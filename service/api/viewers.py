"""What the viewers of a service share."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import anyio
import anyio.to_thread

MOST_FOUND = 16
"""A page of cells with every column takes a megabyte or two."""

Found = TypeVar("Found")


@dataclass
class Viewers:
    """What all viewers of a service share, on one event loop: what was last looked up for one of them.

    Whatever is looked up is so by one thread for all who want the same; the others wait for it without one.
    """

    _found: OrderedDict[tuple[Any, ...], asyncio.Task[Any]] = field(default_factory=OrderedDict)
    # Few look at the tables at once, so that viewers leave the cores to the acquisition.
    _looking: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))

    async def found(self, key: tuple[Any, ...], find: Callable[[], Found]) -> Found:
        """Return what `find` gives, called for the first who asks with this key; raises what it raises."""
        if key not in self._found:
            looking = anyio.to_thread.run_sync(find, limiter=self._looking)
            self._found[key] = asyncio.ensure_future(looking)
            while len(self._found) > MOST_FOUND:
                self._found.popitem(last=False)
        # Who leaves does not take it from the others.
        return cast(Found, await asyncio.shield(self._found[key]))
