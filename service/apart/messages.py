"""What a service and the process of its line say to each other: one JSON object a line, over two pipes.

The service asks `{"id": 7, "call": "stop", "with": {...}}`, and is answered `{"id": 7, "result": ...}` or
`{"id": 7, "error": ["RunStateError", "LightlineError"], "text": "..."}`, in any order. Log records come between as
`{"log": {...}}`. Pipes are bounded: who writes waits for who reads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from pydantic import TypeAdapter

from acquisition.errors import LightlineError
from service.gates.gate import Gate

GATES = TypeAdapter(tuple[Gate, ...])


class Messages:
    """Both directions of one side; any thread says, one hears."""

    def __init__(self, heard: IO[bytes], said: IO[bytes]) -> None:
        self._heard = heard
        self._said = said
        self._lock = threading.Lock()

    def say(self, message: dict[str, Any]) -> None:
        """Send a message; raises `OSError` or `ValueError` where the other side is gone."""
        line = json.dumps(message, default=str).encode() + b"\n"
        with self._lock:
            self._said.write(line)
            self._said.flush()

    def hear(self) -> Iterator[dict[str, Any]]:
        """Return what comes, until the other side ends."""
        with self._heard:
            for line in self._heard:
                try:
                    yield json.loads(line)
                except ValueError:
                    # The other side ended in the middle of it.
                    return

    def close(self) -> None:
        """Say nothing more, by which the other side ends."""
        # What was not sent yet may have nobody to read it.
        with self._lock, suppress(OSError):
            self._said.close()


def as_error(error: LightlineError) -> dict[str, Any]:
    """Return what tells of an error: its classes, the nearest first, as the other side may not know them all."""
    kinds = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, LightlineError)]
    return {"error": kinds, "text": str(error)}


def error_of(answer: dict[str, Any]) -> LightlineError:
    """Return the error that an answer tells of, of the nearest class that this side knows."""
    known = _kinds()
    return next(known[name] for name in answer["error"] if name in known)(answer["text"])


def _kinds() -> dict[str, type[LightlineError]]:
    found, left = dict[str, type[LightlineError]](), [LightlineError]
    while left:
        kind = left.pop()
        found[kind.__name__] = kind
        left += kind.__subclasses__()
    return found
