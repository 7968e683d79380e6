"""What a sink is, and which one an address stands for."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

from acquisition.errors import ConfigError
from service.result_set import ResultSet
from service.sink.address import is_server
from service.sink.files import PartFiles
from service.sink.postgres import PostgresTables, require_client
from service.sink.sealed import SealedPart


class Sink(Protocol):
    """Where sealed parts are copied to; it remembers which are there. Everything raises `SinkAway` where it is away."""

    def begin(self, about: ResultSet) -> None:
        """Note a result set as it stands; what is there of an earlier one of its name, since removed, goes."""

    def copied(self, about: ResultSet) -> set[tuple[str, str]]:
        """Return the tables and parts of a set that are there."""

    def copy(self, sealed: SealedPart) -> int:
        """Copy a part, or find that it is there; return how many rows were copied. Also raises `PartRefused`."""

    def close(self) -> None:
        """Let go of it."""


def open_sink(address: str) -> Sink:
    """Return the sink of an address; raises `SinkAway`, and `ConfigError` as `require_libraries` does."""
    return PostgresTables(address) if is_server(address) else PartFiles(address)


def require_libraries(address: str) -> None:
    """Check that what the sink needs is installed; raises `ConfigError` with what to install."""
    if is_server(address):
        require_client()
    elif address.startswith("fsspec+") and find_spec("fsspec") is None:
        raise ConfigError("This sink needs fsspec, which is not installed; install it with 'pip install fsspec'.")
