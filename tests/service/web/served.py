"""A service on a real socket, over a folder with one finished run, and who asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.api.app import create_app
from service.api.auth import Tokens
from service.api.server import ApiServer, listen
from service.run import Run
from service.runs.control import RunControl
from service.settings import Settings
from service.tokens import TokenFile


@dataclass(frozen=True)
class World:
    """What a test of the API needs."""

    run: Run
    data: Path
    tokens: Tokens
    url: str
    client: httpx.Client
    """Sends the owner's token."""
    stranger: httpx.Client
    """Sends none."""

    @property
    def cells(self) -> str:
        return f"/api/v1/runs/{self.run.id}/cells"

    def first_cell(self) -> int:
        return int(self.client.get(self.cells, params={"limit": 1}).json()["rows"][0]["event_id"])


@contextmanager
def service_on(data: Path, run: Run, port: int = 0) -> Iterator[World]:
    """Serve a data folder on a port, 0 for a free one."""
    tokens = Tokens.make("owner-secret", TokenFile(data))
    listener = listen("127.0.0.1", port)
    with (
        RunControl(data, workers=1) as control,
        ApiServer(create_app(control, Settings(data=data), tokens), listener) as server,
    ):
        url = f"http://127.0.0.1:{server.port}"
        with (
            httpx.Client(base_url=url, headers={"Authorization": "Bearer owner-secret"}, timeout=30) as client,
            httpx.Client(base_url=url, timeout=30) as stranger,
        ):
            yield World(run, data, tokens, url, client, stranger)
