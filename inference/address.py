"""Where dispatcher and workers meet: the address decides the deployment."""

from __future__ import annotations

import ipaddress
import re

from inference.errors import TransportError

_INPROC = re.compile(r"inproc://[A-Za-z0-9._-]{1,100}")
_TCP = re.compile(r"tcp://(?P<host>\[[0-9A-Fa-f:]+\]|\*|[A-Za-z0-9.-]+):(?P<port>\*|[0-9]{1,5})")


def is_inproc(address: str) -> bool:
    """Tell whether the workers are threads of this process."""
    return address.startswith("inproc://")


def checked_address(address: str, *, encrypted: bool = False) -> str:
    """Return the address as it was given; with keys (`encrypted`), other computers may reach it.

    Raises
    ------
    TransportError
        If it is none that Lightline uses, or another computer could reach it without keys.
    """
    if _INPROC.fullmatch(address):
        return address
    match = _TCP.fullmatch(address)
    if match is None or (match["port"] != "*" and int(match["port"]) > 65535):
        raise TransportError(f"The address '{address}' is not 'inproc://NAME' or 'tcp://127.0.0.1:PORT'; write it so.")
    if not encrypted and not is_loopback(address):
        raise TransportError(
            f"The address '{address}' is not on this computer, and messages between computers need keys; "
            "make some with 'lightline keys FOLDER' and give --keys FOLDER, or use tcp://127.0.0.1:PORT."
        )
    return address


def from_here(address: str) -> str:
    """Return the address by which this computer itself reaches a dispatcher that listens to everybody."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def is_loopback(address: str) -> bool:
    """Tell whether a `tcp://` address is one that only this computer reaches."""
    match = _TCP.fullmatch(address)
    host = "" if match is None else match["host"].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
