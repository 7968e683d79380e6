"""What every request passes before any route: whom it addresses, how large it is, and the headers it takes home."""

from __future__ import annotations

import logging
import math
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem
from service.api.rate import RateLimit
from service.audit import AuditLog

logger = logging.getLogger("lightline.api")

BODY_LIMIT_BYTES = 1 << 20
"""A run request is a few hundred bytes, a file of gates some hundred thousand."""
IMAGES = "/v2/"
IMAGES_LIMIT_BYTES = 16 << 20
"""For requests that bring images along."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def host_name(header: str) -> str:
    """Name part of a Host header, in lower case, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Guard:
    """Refuses foreign Host headers (DNS rebinding), floods and large bodies; answers faults, adds headers, takes notes.

    Parameters
    ----------
    app
        The application behind it.
    hosts
        Names beside the loopback ones that the service may be called by.
    rate
        How often one address may ask.
    audit
        Where changes are recorded; None for nowhere.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str] = frozenset(),
        rate: RateLimit | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        self._app = app
        self._hosts = LOOPBACK_NAMES | {name.lower() for name in hosts}
        self._rate = rate or RateLimit(0, 0)
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or answer it with a problem document."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reply = _Reply(send)
        try:
            await self._answer(scope, receive, reply)
        finally:
            if self._audit is not None and scope["method"] in CHANGES and not scope["path"].startswith(IMAGES):
                self._audit.record(scope, reply.status)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket in that is asked for by our own page, or by a program, which names no origin."""
        headers = Headers(scope=scope)
        names = [headers.get("host", ""), *([urlsplit(headers["origin"]).netloc] if "origin" in headers else [])]
        client = (scope.get("client") or ("",))[0]
        if any(host_name(name) not in self._hosts for name in names) or self._rate.wait_s(client):
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, reply: _Reply) -> None:
        wait_s = self._rate.wait_s((scope.get("client") or ("",))[0])
        if wait_s:
            detail = "This address asks too often; ask again after the seconds that 'Retry-After' says."
            refused = problem(scope["path"], 429, detail, {"Retry-After": str(math.ceil(wait_s))})
            await refused(scope, receive, reply)
            return
        limit = IMAGES_LIMIT_BYTES if scope["path"].startswith(IMAGES) else BODY_LIMIT_BYTES
        refusal = self._refusal(Headers(scope=scope), limit)
        if refusal is not None:
            await problem(scope["path"], *refusal)(scope, receive, reply)
            return
        try:
            await self._app(scope, _counted(receive, limit), reply)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if reply.begun:
                raise
            detail = "The service met a fault of its own; its log says more, and other requests go on."
            await problem(scope["path"], 500, detail)(scope, receive, reply)

    def _refusal(self, headers: Headers, limit: int) -> tuple[int, str] | None:
        name = host_name(headers.get("host", ""))
        if name not in self._hosts:
            return 421, f"This service does not answer to the host name '{name[:80]}'; allow it with --allow-host."
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            return 413, _too_large(limit)
        return None


class _Reply:
    """Sends a response with our headers, and remembers whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._asked = time.perf_counter()
        self.begun = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
            headers.append("Server-Timing", f"total;dur={1e3 * (time.perf_counter() - self._asked):.2f}")
        await self._send(message)


def _too_large(limit: int) -> str:
    return f"This request may have at most {limit} bytes."


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return counted
