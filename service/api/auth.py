"""Who may do what over HTTP: tokens with scopes, and a read-only cookie for the pictures of the page."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from fastapi import HTTPException, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from service.clock import utc
from service.errors import StorageError
from service.tokens import Grant, Scope, TokenFile, digest_of, write_private

SESSION_SECONDS = 12 * 3600
_OWNER = Grant(name="owner", scopes=frozenset(Scope))
_READER = Grant(name="reader", scopes=frozenset({Scope.READ}))


@dataclass(frozen=True)
class Tokens:
    """The secrets of one service: an owner's token, a reader's token, those of its data folder, and the cookies' key.

    Attributes
    ----------
    owner
        Allows everything.
    reader
        Allows looking only: for a second screen or a scraper of the metrics.
    kept
        Tokens that were given to people and programs; None for no such.
    """

    owner: str
    reader: str
    kept: TokenFile | None = None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @classmethod
    def make(cls, owner: str | None = None, kept: TokenFile | None = None) -> Self:
        """Draw new secrets; `owner` is taken as given, for example from `LIGHTLINE_TOKEN`."""
        return cls(owner=owner or secrets.token_urlsafe(24), reader=secrets.token_urlsafe(24), kept=kept)

    def keep(self, folder: Path) -> None:
        """Write the tokens to `token` and `token-read` in the data folder, readable by this user alone.

        Raises
        ------
        StorageError
            If the folder cannot be written to.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, secret in (("token", self.owner), ("token-read", self.reader)):
                write_private(folder / name, secret)
        except OSError as error:
            raise StorageError(
                f"The data folder '{folder}' cannot be written to ({error.strerror}); choose another with --data."
            ) from None

    def grant(self, token: str) -> Grant | None:
        """Return what a token allows; None for one that is not ours, or no longer."""
        return self._granted(digest_of(token))

    def new_session(self, token: str) -> tuple[str, int]:
        """Return a signed cookie value that allows reading, and for how many seconds: at most 12 h, or the token's own.

        The token must be one of ours.
        """
        digest = digest_of(token)
        grant = self._granted(digest)
        seconds = SESSION_SECONDS
        if grant is not None and grant.expires_at is not None:
            seconds = min(seconds, int((grant.expires_at - utc()).total_seconds()))
        # By a clock that nobody sets; the key that signs it does not outlive the process either.
        text = f"{int(time.monotonic()) + seconds}.{digest[:32]}"
        return f"{text}.{self._sign(text)}", seconds

    def session(self, cookie: str) -> Grant | None:
        """Return what a cookie allows: reading, if this service signed it, and its token still holds."""
        text, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return None
        expiry, _, start = text.partition(".")
        grant = self._granted(start, whole=False)
        if int(expiry) <= time.monotonic() or grant is None or Scope.READ not in grant.scopes:
            return None
        return Grant(name=grant.name, scopes=frozenset({Scope.READ}))

    def _granted(self, digest: str, *, whole: bool = True) -> Grant | None:
        """Return the grant of a token's digest, or of the beginning of one."""
        ours = [(digest_of(self.owner), _OWNER), (digest_of(self.reader), _READER)]
        if self.kept is not None:
            ours += [(token.digest, token) for token in self.kept.tokens() if token.holds()]
        # All are compared every time, so that the time taken says nothing.
        found = [grant for known, grant in ours if hmac.compare_digest(known if whole else known[:32], digest)]
        return found[0] if found else None

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), sha256).hexdigest()


def session_cookie(request: HTTPConnection) -> str:
    """Name of the session cookie; cookies do not know ports, so that the name carries it."""
    return f"lightline-{request.url.port or 80}"


def given_token(request: HTTPConnection) -> str | None:
    """Return the token that came with a request, in its header or in its address."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.query_params.get("token")


def grant_of(request: HTTPConnection) -> Grant | None:
    """Return what a request or a connection is allowed by its token or cookie; None if by neither."""
    tokens: Tokens = request.app.state.tokens
    token = given_token(request)
    if token is not None:
        return tokens.grant(token)
    return tokens.session(request.cookies.get(session_cookie(request), ""))


class Needs(SecurityBase):
    """A dependency that lets a request through only with a token of this scope, which the OpenAPI document names.

    Dependencies that wait for nothing are coroutines: FastAPI gives each of the others to a thread, and during a run
    every such hand-over waits for its turn among the threads of the line.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.model = HTTPBearer(description=f"A token that allows '{scope.value}'")
        self.scheme_name = scope.value

    async def __call__(self, request: Request) -> None:
        """Check the request, and say in its state whose it is.

        Raises
        ------
        HTTPException
            401 without a valid token or session, 403 where it does not allow this.
        """
        grant = grant_of(request)
        if grant is None:
            raise HTTPException(
                401,
                "This needs the service's token: open the address that the service printed, or send the content of "
                "the file 'token' in the data folder as 'Authorization: Bearer TOKEN'.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        request.state.who = grant.name
        if self.scope not in grant.scopes:
            raise HTTPException(403, f"This token does not allow '{self.scope.value}'; use one that does.")
