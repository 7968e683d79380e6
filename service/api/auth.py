"""Who may do what: tokens with scopes, and a read-only cookie for the pictures of the page."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from fastapi import HTTPException, Request

from service.errors import StorageError

SESSION_SECONDS = 12 * 3600


class Scope(StrEnum):
    """What a token allows."""

    READ = "read"
    ANNOTATE = "annotate"
    """Draw gates."""
    CONTROL = "control"
    """Start and stop runs."""


@dataclass(frozen=True)
class Tokens:
    """The secrets of one service: an owner's token, a reader's token, and the key that signs session cookies.

    Attributes
    ----------
    owner
        Allows everything.
    reader
        Allows looking only: for a second screen or a scraper of the metrics.
    """

    owner: str
    reader: str
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @classmethod
    def make(cls, owner: str | None = None) -> Self:
        """Draw new secrets; `owner` is taken as given, for example from `LIGHTLINE_TOKEN`."""
        return cls(owner=owner or secrets.token_urlsafe(24), reader=secrets.token_urlsafe(24))

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
                _write_private(folder / name, secret)
        except OSError as error:
            raise StorageError(
                f"The data folder '{folder}' cannot be written to ({error.strerror}); choose another with --data."
            ) from None

    def scopes(self, token: str) -> frozenset[Scope]:
        """Return what a token allows; nothing for one that is not ours."""
        given = token.encode()
        # Both are compared every time, so that the time taken says nothing.
        is_owner = hmac.compare_digest(given, self.owner.encode())
        is_reader = hmac.compare_digest(given, self.reader.encode())
        if is_owner:
            return frozenset(Scope)
        return frozenset({Scope.READ}) if is_reader else frozenset()

    def new_session(self) -> str:
        """Return a signed cookie value that allows reading for twelve hours, or until the service ends."""
        expiry = str(int(time.time()) + SESSION_SECONDS)
        return f"{expiry}.{self._sign(expiry)}"

    def session_is_valid(self, cookie: str) -> bool:
        """Whether this service signed the cookie and it has not expired."""
        expiry, _, signature = cookie.partition(".")
        genuine = hmac.compare_digest(signature.encode(), self._sign(expiry).encode())
        return genuine and int(expiry) > time.time()

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _write_private(path: Path, secret: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    temporary.replace(path)


def session_cookie(request: Request) -> str:
    """Name of the session cookie; cookies do not know ports, so that the name carries it."""
    return f"lightline-{request.url.port or 80}"


def _scopes(request: Request) -> Iterable[Scope]:
    tokens: Tokens = request.app.state.tokens
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return tokens.scopes(token.strip())
    if "token" in request.query_params:
        return tokens.scopes(request.query_params["token"])
    if tokens.session_is_valid(request.cookies.get(session_cookie(request), "")):
        return (Scope.READ,)
    return ()


class Needs:
    """A dependency that lets a request through only with a token of this scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(self, request: Request) -> None:
        """Check the request.

        Raises
        ------
        HTTPException
            401 without a valid token or session, 403 where it does not allow this.
        """
        scopes = _scopes(request)
        if not scopes:
            raise HTTPException(
                401,
                "This needs the service's token: open the address that the service printed, or send the content of "
                "the file 'token' in the data folder as 'Authorization: Bearer TOKEN'.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if self.scope not in scopes:
            raise HTTPException(403, f"This token does not allow '{self.scope.value}'; use the owner's token.")
