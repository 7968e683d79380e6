"""The application on a socket, served by a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import uvicorn
from fastapi import FastAPI

from acquisition.errors import ConfigError
from service.api.patience import PatientProtocol
from service.errors import AddressInUse


def listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else is started.

    Raises
    ------
    AddressInUse
        If another program has the port.
    ConfigError
        If this computer has no such address, or the port is not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of sockets that say it is TCP does asyncio send small answers at once; others wait 40 ms for the reader.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"Port {port} is in use, perhaps by another Lightline; close that one, or choose another port with "
                "--port (0 takes any free one)."
            ) from None
        raise ConfigError(
            f"Cannot listen on '{host}' port {port} ({error.strerror}); use --host 127.0.0.1 and a port above 1023."
        ) from None
    return listener


@dataclass(frozen=True)
class TlsFiles:
    """A certificate chain and its private key, PEM files that go together."""

    certificate: Path
    key: Path

    def check(self) -> Self:
        """Read both and return them, because the server would say little about what is wrong.

        Raises
        ------
        ConfigError
            If they cannot be read, or do not go together.
        """
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The certificate '{self.certificate}' with the key '{self.key}' cannot be used ({error}); give PEM "
                "files that go together, the key without a password."
            ) from None
        return self


def _no_password() -> str:
    raise ValueError("the key has a password")


class _Server(uvicorn.Server):
    """A server that leaves no connection open: those whose callers read nothing would outlive it."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let answers that were begun be read for a while, then cut off whoever is left."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # Sockets are closed in the next turn of the loop, which is the last.
        await asyncio.sleep(0)


class ApiServer:
    """Serves an application until it is closed."""

    def __init__(self, app: FastAPI, listener: socket.socket, tls: TlsFiles | None = None) -> None:
        self._listener = listener
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,  # An address may carry the token.
            server_header=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,  # A message is made once; packed, it would be so for every viewer anew.
            http=PatientProtocol,
            loop="asyncio",
            limit_concurrency=1024,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=3,
            ssl_certfile=None if tls is None else tls.certificate,
            ssl_keyfile=None if tls is None else tls.key,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._serve, name="lightline-http", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])

    @property
    def port(self) -> int:
        """The port that was taken."""
        return int(self._listener.getsockname()[1])

    def start(self) -> Self:
        """Begin to serve, and return once requests are answered."""
        self._thread.start()
        _wait_until(lambda: self._server.started or not self._thread.is_alive(), 10.0)
        return self

    def ask_to_end(self) -> None:
        """Take no more requests, and let those there are finish meanwhile; `close` waits for that."""
        self._server.should_exit = True

    def close(self) -> None:
        """Answer what was asked, then end; may be called twice."""
        self.ask_to_end()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)
        self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def page_url(host: str, port: int, token: str, *, secure: bool = False) -> str:
    """Address of the page for a browser on this computer, with the token that opens it."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{name}:{port}/?token={token}"
