"""Which service is asked, and the token that goes with it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from service.client.errors import ClientError

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_DATA = "lightline-data"


@dataclass(frozen=True)
class Place:
    """A service.

    Attributes
    ----------
    url
        Its address, without a path.
    token
        What is sent along.
    """

    url: str
    token: str = field(repr=False)

    @classmethod
    def find(cls, url: str | None, token: str | None, data: Path | None) -> Self:
        """Return what was given, or what this computer knows of it.

        Parameters
        ----------
        url
            None means `LIGHTLINE_URL`, or the usual port of this computer.
        token
            None means `LIGHTLINE_TOKEN`, or the file `token` (else `token-read`) in the data folder.
        data
            The service's data folder; None means `LIGHTLINE_DATA`, or the usual name in the current folder.

        Raises
        ------
        ClientError
            If there is no token, or the address is none.
        """
        address = (url or os.environ.get("LIGHTLINE_URL") or DEFAULT_URL).rstrip("/")
        if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
            raise ClientError(f"'{address}' is no address of a service; give one as {DEFAULT_URL}.")
        found = token or os.environ.get("LIGHTLINE_TOKEN")
        folder = data or Path(os.environ.get("LIGHTLINE_DATA") or DEFAULT_DATA)
        for name in ("token", "token-read"):
            if not found:
                found = _content(folder / name)
        if not found:
            raise ClientError(
                f"There is no token: give one, set LIGHTLINE_TOKEN, or name the service's data folder ('{folder}' has "
                "none that can be read)."
            )
        return cls(address, found)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"}

    def socket(self, path: str) -> str:
        """Return the WebSocket address of a path."""
        return f"ws{self.url.removeprefix('http')}{path}"


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
