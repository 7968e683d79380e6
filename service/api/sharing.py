"""Answers that many ask for are made once: callers of one moment share one, and it is kept for as long as it holds."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.auth import grant_of
from service.api.freshness import PERMANENT
from service.tokens import Scope as Allowed

AT_ONCE = 2
"""Answers about tables that are made at the same time, and beside them as many others, which take a millisecond or
two: those who look leave the cores to the acquisition."""
APART_S = 0.02
"""Between the beginnings of two makings of the same answer while a run goes on, however many ask."""
KEPT_BYTES, LARGEST_BYTES, KEPT_S = 32 << 20, 1 << 20, 60.0
"""Of answers that say which version they are; callers who look at the newest cells ask for the same ones in seconds."""
_TABLES = re.compile(r"/api/v1/runs/[^/]+/(cells|rejected|histogram|density|density\.npy|timeline)")
_OTHERS = re.compile(r"/api/v1/(status|runs/[^/]+/cells/\d+/(image\.png|window\.npy|channels/[^/]+))")
_RESTORE = b"restore="
"""Takes seconds of a volume; nobody's pictures wait for that."""

_KNOWN = b"if-none-match"

Key = tuple[object, ...]


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    made_s: float

    @property
    def permanent(self) -> bool:
        """Whether it never changes."""
        return self.status == 200 and (b"cache-control", PERMANENT.encode()) in self.headers

    @property
    def tag(self) -> bytes | None:
        """Which version it is; None where it does not say."""
        return next((value for name, value in self.headers if name == b"etag"), None) if self.status == 200 else None

    async def send(self, send: Send) -> None:
        """Send it to one caller, who may add headers."""
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.body})


@dataclass
class _Making:
    before: _Making | None
    """Of the same question; it has begun."""
    task: asyncio.Task[Answer] = field(init=False)
    begun_s: float | None = None


class SharedAnswers:
    """Makes an answer once for all who ask for it while they wait, and keeps those that say which version they are.

    Whoever asks takes part in an answer whose making begins after that, never in one that has begun: what a caller did
    before it asked is in it. So a question is under way at most twice, once being made and once waiting to be. An
    answer that may change is only made again where the route says that there is a newer one, as a browser would ask.
    Every caller's token is looked at; only those that may read share.

    Parameters
    ----------
    app
        The application behind it.
    busy
        Tells whether a run goes on, whose line makings of the same answer leave the processors to; None for never.
    """

    def __init__(self, app: ASGIApp, busy: Callable[[], bool] | None = None) -> None:
        self._app = app
        self._busy = busy or (lambda: False)
        self._under_way: dict[Key, _Making] = {}
        self._rooms = {kind: asyncio.Semaphore(AT_ONCE) for kind in (_TABLES, _OTHERS)}
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        kind = _kind(scope)
        grant = None if kind is None else grant_of(HTTPConnection(scope))
        if kind is None or grant is None or Allowed.READ not in grant.scopes:
            await self._app(scope, receive, send)
            return
        key = _key(scope)
        answer = self._known(key)
        if answer is None or not answer.permanent:
            answer = await self._made(key, scope, self._rooms[kind])
        await answer.send(send)

    async def _made(self, key: Key, scope: Scope, room: asyncio.Semaphore) -> Answer:
        """Return an answer whose making begins from now on."""
        making = self._under_way.get(key)
        if making is None or making.begun_s is not None:
            making = self._under_way[key] = _Making(before=making)
            making.task = asyncio.create_task(self._make(key, making, scope, room))
        # A caller who leaves does not take the answer from the others.
        return await asyncio.shield(making.task)

    async def _make(self, key: Key, making: _Making, scope: Scope, room: asyncio.Semaphore) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            if making.before is not None:
                await asyncio.wait({making.before.task})
                if making.before.begun_s is not None and self._busy():
                    await asyncio.sleep(making.before.begun_s + APART_S - loop.time())
                making.before = None
            async with room:
                making.begun_s = loop.time()
                answer = await self._asked(key, scope)
                self._keep(key, answer)
                return answer
        finally:
            # Whoever asks soon begins no sooner than it may.
            loop.call_later(APART_S, self._forget, key, making)

    def _forget(self, key: Key, making: _Making) -> None:
        if self._under_way.get(key) is making:
            del self._under_way[key]

    async def _asked(self, key: Key, scope: Scope) -> Answer:
        """Return the answer that is kept if it still holds, otherwise a new one."""
        kept = self._known(key)
        if kept is None or kept.tag is None or _KNOWN in dict(scope["headers"]):
            return await self._ask(scope)
        answer = await self._ask({**scope, "headers": [*scope["headers"], (_KNOWN, kept.tag)]})
        return replace(kept, made_s=answer.made_s) if answer.status == 304 else answer

    async def _ask(self, scope: Scope) -> Answer:
        """Let the application answer a request without a body, as a whole."""
        begun: list[Message] = []
        body: list[bytes] = []

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message)
            else:
                body.append(message.get("body", b""))

        await self._app(scope, _nothing, take)
        return Answer(begun[0]["status"], tuple(begun[0]["headers"]), b"".join(body), time.monotonic())

    def _known(self, key: Key) -> Answer | None:
        answer = self._kept.get(key)
        if answer is None or time.monotonic() - answer.made_s > KEPT_S:
            return None
        self._kept.move_to_end(key)
        return answer

    def _keep(self, key: Key, answer: Answer) -> None:
        if not (answer.permanent or answer.tag) or len(answer.body) > LARGEST_BYTES:
            return
        old = self._kept.pop(key, None)
        self._bytes += len(answer.body) - (0 if old is None else len(old.body))
        self._kept[key] = answer
        while self._bytes > KEPT_BYTES:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone.body)


def _kind(scope: Scope) -> re.Pattern[str] | None:
    """Return which kind of shared answers a request is for, None for none."""
    if scope["type"] != "http" or scope["method"] != "GET" or _RESTORE in scope["query_string"]:
        return None
    return next((kind for kind in (_TABLES, _OTHERS) if kind.fullmatch(scope["path"])), None)


def _key(scope: Scope) -> Key:
    """Return what an answer depends on: the address without the token, and the headers that are negotiated by."""
    headers = Headers(scope=scope)
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    asked = tuple(pair for pair in query if pair[0] != "token")
    return scope["path"], asked, headers.get("accept"), headers.get("if-none-match")


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
