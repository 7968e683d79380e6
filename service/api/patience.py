"""How long the service waits for a caller: requests that trickle in and readers that stop are cut off."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 10.0
"""From the first byte of a request, or from the connection, to the end of its headers."""
BODY_S = 60.0
"""From there to the end of its body, which is some megabytes at most."""
REFUSED_S, REFUSED_BYTES = 1.0, 16 << 20
"""For a caller to read why the rest of its body is not wanted: few read before they have sent what they have."""
STALLED_S = 60.0
"""For a reader to take the next of what waits for it; who reads slowly is not cut off."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose callers cannot hold a connection, or what is made for it, by doing nothing.

    A connection is in one of these states, and each has its timer: headers come; a body comes; it is answered (none);
    it is kept alive (uvicorn's own). While an answer waits to be read there is one more.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._coming: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._unwanted: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._coming = self.loop.call_later(HEADERS_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Take what came; whoever is still in the middle of a request has no more time than before."""
        before = self.conn.their_state
        if self._coming is None and before is h11.IDLE:
            self._coming = self.loop.call_later(HEADERS_S, self.transport.abort)
        super().data_received(data)
        now = self.conn.their_state
        if self._unwanted is not None:
            self._unwanted += len(data)
            if self._unwanted > REFUSED_BYTES:
                self.transport.abort()
        if now is before:
            return
        _cancel(self._coming)
        self._coming = None
        if now is h11.SEND_BODY:
            self._coming = self.loop.call_later(BODY_S, self.transport.abort)

    def on_response_complete(self) -> None:
        """Throw away what little more comes of a request that was answered before its end; the caller may read why."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._unwanted = 0
            _cancel(self._coming)
            self._coming = self.loop.call_later(REFUSED_S, self.transport.abort)

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


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
