"""Addresses of network instruments as they stand in URLs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from acquisition.errors import ConfigError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """A port of a computer."""

    host: str
    port: int
    scheme: str = "tcp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """True if no other computer can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def parse_address(text: str, *, any_port: bool = False, scheme: str = "tcp") -> Address:
    """Read `tcp://HOST:PORT` or `udp://HOST:PORT`, with or without what stands before `//`.

    Parameters
    ----------
    text
        For example `tcp://127.0.0.1:5555` or `//[::1]:5555`.
    any_port
        Whether port 0, any free one, makes sense.
    scheme
        `tcp` or `udp`.

    Raises
    ------
    ConfigError
        If it is none.
    """
    wrong = ConfigError(
        f"'{text}' is no address of a network instrument; write for example {scheme}://{LOOPBACK}:5555."
    )
    if not text.removeprefix(f"{scheme}:").startswith("//"):
        raise wrong
    try:
        parts = urlsplit(text if text.startswith(f"{scheme}:") else f"{scheme}:{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or port is None or (port == 0 and not any_port) or parts.path not in ("", "/") or parts.username:
        raise wrong
    return Address(host, port, scheme)
