"""Entity tags: whoever has an answer already is told so with 304, and nothing is made or sent again."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Depends, Request, Response

from service.result_set import LIVE, ResultSet

PERMANENT = "private, max-age=86400, immutable"
CHANGING = "private, no-cache"
"""May be kept, and is asked about before it is shown again."""


class NotModified(Exception):
    """Whoever asks has what would be answered; `headers` go with the 304."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("not modified")
        self.headers = headers


class Freshness:
    """Says of an answer which version it is, and ends the request of a caller who has that one.

    A tag is made of the address, without the token, of what was negotiated, and of the state that the answer depends
    on. That is taken before the answer is made: one that is newer than its tag is only asked for once more.
    """

    def __init__(self, request: Request, response: Response) -> None:
        query = sorted((name, value) for name, value in request.query_params.multi_items() if name != "token")
        self._about = f"{request.url.path}?{query}"
        self._known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        self._response = response

    def permanent(self, *which: object) -> dict[str, str]:
        """Say that the answer never changes; return its headers, which models take by themselves.

        Parameters
        ----------
        which
            What was chosen by other things than the address, such as the format.

        Raises
        ------
        NotModified
            If the caller has it.
        """
        return self._tagged(PERMANENT, which)

    def of_set(self, about: ResultSet, *which: object) -> dict[str, str]:
        """Say that the answer changes only where a result set is made again under its name; see `permanent`."""
        if about.name == LIVE:
            return self.permanent(*which)
        return self.version(about.started_at, *which)

    def version(self, *state: object) -> dict[str, str]:
        """Say what the answer depends on beside its address; see `permanent`."""
        return self._tagged(CHANGING, state)

    def numbered(self, version: int) -> dict[str, str]:
        """Say which version the answer is, with a tag that can be handed back as `If-Match`; see `permanent`."""
        return self._answered(f'"{version}"', CHANGING)

    def _tagged(self, cache_control: str, state: tuple[object, ...]) -> dict[str, str]:
        return self._answered(f'"{hashlib.sha256(f"{self._about}{state!r}".encode()).hexdigest()[:32]}"', cache_control)

    def _answered(self, tag: str, cache_control: str) -> dict[str, str]:
        headers = {"ETag": tag, "Cache-Control": cache_control, "Vary": "Accept"}
        if tag in self._known or "*" in self._known:
            raise NotModified(headers)
        self._response.headers.update(headers)
        return headers


async def _freshness(request: Request, response: Response) -> Freshness:
    return Freshness(request, response)


FreshnessOf = Annotated[Freshness, Depends(_freshness)]
