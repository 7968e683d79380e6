"""How long the service waits for a caller: requests that trickle in and readers that stop are cut off."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_S = 10.0
"""From the first byte of a request, or from the connection, to the end of its headers."""
AROUND_BYTES, AROUND_A_BYTE = 64 << 10, 8
"""Of headers that have come and are not at their end; and of what comes around a body, more for each byte of it: a body
may come in pieces of a byte."""
BODY_S = 60.0
"""From there to the end of its body, which is some megabytes at most."""
REFUSED_S, REFUSED_BYTES = 1.0, 16 << 20
"""For a caller to read why the rest of its body is not wanted: few read before they have sent what they have."""
STALLED_S = 60.0
"""For a reader to take the next of what waits for it; who reads slowly is not cut off."""


class _Part(Enum):
    """What of a request is coming."""

    HEADERS = "headers"
    BODY = "body"
    NOTHING = "nothing"


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose callers cannot hold a connection, or what is made for it, by doing nothing.

    A connection is in one of these states, and each has its timer: headers come; a body comes; it is answered (none);
    it is kept alive (uvicorn's own). While an answer waits to be read there is one more.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._number, self._part = 0, _Part.HEADERS
        self._timed: tuple[int, _Part] | None = None
        self._coming: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._around = 0
        self._unwanted: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._time()

    def data_received(self, data: bytes) -> None:
        """Take what came; whoever is still in the middle of a request has no more time than before."""
        if self._part is _Part.NOTHING and not self._answering:
            self._part = _Part.HEADERS
        before = self._number, self._part
        super().data_received(data)
        if self._unwanted is not None:
            self._unwanted += len(data)
            if self._unwanted > REFUSED_BYTES:
                self.transport.abort()
        self._around = self._around + len(data) if (self._number, self._part) == before else 0
        if self._around > AROUND_BYTES and self._part is not _Part.NOTHING and not self.transport.is_closing():
            self.send_400_response("The headers of this request are too long.")
        self._time()

    def on_message_begin(self) -> None:
        """Wait for the headers of one more request."""
        super().on_message_begin()
        self._number += 1
        self._part = _Part.HEADERS

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those that come behind a body are nobody's."""
        if self._part is _Part.HEADERS:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        super().on_headers_complete()
        self._part = _Part.BODY

    def on_body(self, body: bytes) -> None:
        """Take a piece of it."""
        super().on_body(body)
        self._around -= (1 + AROUND_A_BYTE) * len(body)

    def on_message_complete(self) -> None:
        """Wait for nothing more of this request."""
        super().on_message_complete()
        self._part = _Part.NOTHING
        self._unwanted = None

    def on_response_complete(self) -> None:
        """Throw away what little more comes of a request that was answered before its end; the caller may read why."""
        super().on_response_complete()
        if self._part is _Part.BODY and not self._answering:
            self._unwanted = 0
            self._cut_off_in(REFUSED_S)
        else:
            self._time()

    def pause_writing(self) -> None:
        """Wait for the reader."""
        super().pause_writing()
        self._reading = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on, because something was read."""
        super().resume_writing()
        _cancel(self._reading)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        _cancel(self._coming)
        _cancel(self._reading)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _time(self) -> None:
        """Set the timer of the part that comes, unless it runs already."""
        # Of requests that come while another is answered, no more may be read for as long as that takes.
        part = _Part.NOTHING if self._part is _Part.HEADERS and self._answering else self._part
        if self._timed == (self._number, part):
            return
        self._timed = self._number, part
        _cancel(self._coming)
        if part is _Part.HEADERS:
            self._cut_off_in(HEADERS_S)
        elif part is _Part.BODY:
            self._cut_off_in(BODY_S)

    def _cut_off_in(self, seconds: float) -> None:
        _cancel(self._coming)
        self._coming = self.loop.call_later(seconds, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
