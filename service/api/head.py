"""HEAD wherever there is GET: the same headers, and nothing of the content is made that is not made yet."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Enough(OSError):
    """What is sent behind the headers is not wanted; routes take it for a caller who left."""


class AnswerHead:
    """Answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        ended = False

        async def headers_only(message: Message) -> None:
            nonlocal ended
            if message["type"] != "http.response.body":
                await send(message)
            elif not ended:
                ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                if message.get("more_body"):
                    raise _Enough
            elif message.get("more_body"):
                raise _Enough

        try:
            await self._app({**scope, "method": "GET"}, receive, headers_only)
        except (ClientDisconnect, _Enough):
            return
