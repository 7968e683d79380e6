"""Tokens that a lab gives to people and programs: named, with scopes and an end, kept as hashes only."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from acquisition.errors import ConfigError
from service.clock import utc
from service.errors import StorageError

TOKENS_JSON = "tokens.json"
MOST_TOKENS = 1000
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@ -]{0,63}$")]


class Scope(StrEnum):
    """What a token allows."""

    READ = "read"
    ANNOTATE = "annotate"
    """Draw gates, label cells, pin runs."""
    CONTROL = "control"
    """Start and stop runs and tasks."""


class Grant(BaseModel):
    """What somebody may do, and until when."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Name
    """Who it was given to; stands in the record of changes."""
    scopes: frozenset[Scope]
    expires_at: AwareDatetime | None = None
    """None means never."""

    def holds(self) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or utc() < self.expires_at


class KeptToken(Grant):
    """A token as the file has it."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, in hexadecimal."""
    created_at: AwareDatetime


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = "lightline-tokens/1"
    tokens: tuple[KeptToken, ...] = ()


def digest_of(token: str) -> str:
    """Return what is kept of a token; it is 192 random bits, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenFile:
    """The tokens of a data folder, from any thread; a change by another process is seen at the next look."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / TOKENS_JSON
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] | None = None
        self._tokens: tuple[KeptToken, ...] = ()

    def tokens(self) -> list[KeptToken]:
        """Return every token, the oldest first, expired ones too; raises `ConfigError` if the file is damaged."""
        return list(self._look())

    def create(self, name: str, scopes: frozenset[Scope], days: float | None) -> str:
        """Make a token and return it; only its hash is kept, so it cannot be shown again.

        Raises
        ------
        ConfigError
            If the name is taken or makes no sense.
        StorageError
            If the folder cannot be written to.
        """
        tokens = self.tokens()
        if any(token.name == name for token in tokens):
            raise ConfigError(f"There is a token '{name}' already; revoke it, or choose another name.")
        if len(tokens) >= MOST_TOKENS:
            raise ConfigError(f"There are {MOST_TOKENS} tokens; revoke those that nobody needs.")
        now = utc()
        secret = secrets.token_urlsafe(24)
        end = None if days is None else now + timedelta(days=days)
        try:
            made = KeptToken(name=name, scopes=scopes, expires_at=end, digest=digest_of(secret), created_at=now)
        except ValidationError:
            raise ConfigError(f"'{name[:64]}' is no name; use letters, digits, spaces and _ . @ -.") from None
        self._save([*tokens, made])
        return secret

    def revoke(self, name: str) -> None:
        """Take a token back, at once; raises `ConfigError` if there is none of that name."""
        tokens = self.tokens()
        kept = [token for token in tokens if token.name != name]
        if len(kept) == len(tokens):
            raise ConfigError(f"There is no token '{name[:64]}'; 'lightline token list' shows those there are.")
        self._save(kept)

    def _look(self) -> tuple[KeptToken, ...]:
        with self._lock:
            try:
                stat = self._path.stat()
            except FileNotFoundError:
                self._read_at, self._tokens = None, ()
                return self._tokens
            if self._read_at != (stat.st_mtime_ns, stat.st_ino):
                try:
                    file = _File.model_validate_json(self._path.read_bytes())
                except (OSError, ValidationError):
                    raise ConfigError(
                        f"The file '{self._path}' is damaged; take it away, and make the tokens again."
                    ) from None
                self._read_at = (stat.st_mtime_ns, stat.st_ino)
                self._tokens = file.tokens
            return self._tokens

    def _save(self, tokens: list[KeptToken]) -> None:
        content = _File(tokens=tuple(tokens)).model_dump_json(indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._path, content)
        except OSError as error:
            raise StorageError(
                f"The data folder '{self._path.parent}' cannot be written to ({error.strerror}); choose another "
                "with --data."
            ) from None


def write_private(path: Path, content: str) -> None:
    """Write a file that only this user can read, whole or not at all; raises `OSError`."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content + "\n")
    temporary.replace(path)
