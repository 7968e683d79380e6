"""The address of a sink: who and where, and never a password."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

_SERVERS = ("postgresql", "postgres")
_FILES = ("file", "s3", "gs", "gcs", "abfs", "abfss", "hdfs")
_OTHER_FILES = "fsspec+"


def is_server(address: str) -> bool:
    """Tell whether an address is that of a PostgreSQL server; else it is that of a folder of files."""
    return urlsplit(address).scheme in _SERVERS


def checked_address(address: str) -> str:
    """Return the address as it was given: `postgresql://USER@HOST/DATABASE`, or the URI of a folder, see `PartFiles`.

    Raises
    ------
    ValueError
        If it is none, or has a password in it, which would then be in lists of settings and processes.
    """
    parts = urlsplit(address)
    files = parts.scheme in _FILES or parts.scheme.startswith(_OTHER_FILES)
    if not (files and (parts.netloc or parts.path.strip("/"))) and not (is_server(address) and parts.path.strip("/")):
        raise ValueError(
            "this is no address of a sink; write postgresql://USER@HOST/DATABASE, or a folder as s3://BUCKET/PATH or "
            "file:///PATH"
        )
    if parts.password is not None or "password" in parse_qs(parts.query):
        raise ValueError(
            "leave the password out of the address; give a server's in PGPASSWORD or ~/.pgpass, and keys of a "
            "store as its own tools want them"
        )
    return address
