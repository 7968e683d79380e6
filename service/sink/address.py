"""The address of a sink: who and where, and never a password."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit


def checked_address(address: str) -> str:
    """Return the address as it was given.

    Raises
    ------
    ValueError
        If it is none, or has a password in it, which would then be in lists of settings and processes.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError("this is no address of a sink; write postgresql://USER@HOST/DATABASE")
    if parts.password is not None or "password" in parse_qs(parts.query):
        raise ValueError("leave the password out of the address, and give it in PGPASSWORD or ~/.pgpass")
    return address
