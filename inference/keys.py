"""Keys for messages between computers: of the service, and of the workers that it lets in.

A folder holds pairs of files in the format of `zmq.auth`: `NAME.key` is public, `NAME.key_secret` never leaves its
computer. Messages are then encrypted and both sides are who they say (CurveZMQ, https://rfc.zeromq.org/spec/26/).
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import zmq
from zmq.utils import z85

from inference.errors import TransportError

SERVICE = "service"
PUBLIC, SECRET = ".key", ".key_secret"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class ServiceKeys:
    """What the service proves itself with, and whom it lets in.

    Attributes
    ----------
    folder
        Every public key in it is that of somebody who is let in; the service's own is that of its own workers.
    """

    folder: Path
    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder; raises `TransportError` if it has no pair of the service."""
        return cls(folder, *_read(folder / f"{SERVICE}{SECRET}"))

    def workers(self) -> frozenset[bytes]:
        """Return the public keys of workers as they are in the folder now, and the service's own, 32 bytes each."""
        files = (path for path in self.folder.glob(f"*{PUBLIC}") if path.stem != SERVICE)
        return frozenset(z85.decode(key) for key in (self.public, *map(_read_public, files)))

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Make a socket that will bind accept encrypted connections only."""
        socket.curve_publickey, socket.curve_secretkey = self.public, self.secret
        socket.curve_server = True
        socket.zap_domain = b"lightline"


@dataclass(frozen=True)
class WorkerKeys:
    """What a worker proves itself with, and the service that it talks to."""

    service: bytes
    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder; raises `TransportError` if it lacks the service's public key or the pair of one worker."""
        secrets = [path for path in sorted(folder.glob(f"*{SECRET}")) if path.stem != SERVICE]
        if len(secrets) != 1:
            raise TransportError(
                f"The folder '{folder}' has the secret keys of {len(secrets)} workers; give one with one, and "
                f"with the service's '{SERVICE}{PUBLIC}' beside it."
            )
        return cls(_read_public(folder / f"{SERVICE}{PUBLIC}"), *_read(secrets[0]))

    @classmethod
    def own(cls, folder: Path) -> Self:
        """Read the service's folder for a worker of its own; raises `TransportError` if it lacks the service's pair."""
        service = ServiceKeys.load(folder)
        return cls(service.public, service.public, service.secret)

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Make a socket that will connect prove itself, and talk to this service only."""
        socket.curve_publickey, socket.curve_secretkey = self.public, self.secret
        socket.curve_serverkey = self.service


def make_keys(folder: Path, workers: Sequence[str]) -> list[Path]:
    """Make the service's pair where there is none, and a pair for each worker; return the new files.

    Only this user can read them.

    Raises
    ------
    TransportError
        If a name makes no sense or is taken, or the folder cannot be written to.
    """
    from zmq.auth import create_certificates

    for name in workers:
        if not _NAME.fullmatch(name) or name == SERVICE:
            raise TransportError(f"'{name[:64]}' is no name for a worker; use letters, digits, '-' and '_'.")
        if (folder / f"{name}{PUBLIC}").exists():
            raise TransportError(f"There are keys of '{name}' in '{folder}' already; choose another name.")
    names = [*([] if (folder / f"{SERVICE}{SECRET}").exists() else [SERVICE]), *workers]
    mask = os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(file) for name in names for file in create_certificates(folder, name)]
    except OSError as error:
        raise TransportError(
            f"The folder '{folder}' cannot be written to ({error.strerror}); choose another one."
        ) from None
    finally:
        os.umask(mask)


def _read(path: Path) -> tuple[bytes, bytes]:
    """Return the public and the secret key of a file."""
    try:
        shared = sys.platform != "win32" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except OSError:
        raise TransportError(f"There is no key '{path}'; 'lightline keys FOLDER' makes keys.") from None
    if shared:
        raise TransportError(f"Others can read the secret key '{path}'; make new keys, or 'chmod 600' it.")
    public, secret = _load(path)
    if secret is None:
        raise TransportError(f"The file '{path}' holds no secret key; 'lightline keys FOLDER' makes keys.")
    return public, secret


def _read_public(path: Path) -> bytes:
    if not path.is_file():
        raise TransportError(f"There is no key '{path}'; copy it from the service's folder of keys.")
    return _load(path)[0]


def _load(path: Path) -> tuple[bytes, bytes | None]:
    from zmq.auth import load_certificate

    try:
        public, secret = load_certificate(path)
    except (OSError, ValueError):
        public, secret = b"", None
    if len(public) != 40 or (secret is not None and len(secret) != 40):
        raise TransportError(f"The file '{path}' is no key; 'lightline keys FOLDER' makes keys.")
    return public, secret
