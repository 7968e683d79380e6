"""Whoever watches gets every cell once, in order, from where they were; whoever does not read harms nobody."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from served import World
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from service.api import live
from service.tokens import Scope, TokenFile


@contextmanager
def watching(world: World, path: str, token: str = "owner-secret", **options: Any) -> Iterator[ClientConnection]:
    url = world.url.replace("http", "ws") + path
    headers = {"Authorization": f"Bearer {token}"}
    with connect(url, additional_headers=headers, open_timeout=20, **options) as socket:
        yield socket


def until_closed(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Return the messages of a connection and the code it was closed with."""
    messages = []
    try:
        while True:
            messages.append(json.loads(socket.recv(timeout=60)))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code if closed.rcvd else 0


def event_ids(messages: list[dict[str, Any]]) -> list[int]:
    return [row["event_id"] for message in messages if message["type"] == "cells" for row in message["rows"]]


def stored(world: World, run_id: str, where: str | None = None) -> list[int]:
    asked = {"fields": "event_id", "limit": 5000} | ({} if where is None else {"where": where})
    rows = world.client.get(f"/api/v1/runs/{run_id}/cells", params=asked).json()["rows"]
    return [row["event_id"] for row in rows]


def test_cells_of_a_run_come_while_it_goes_on_each_once_and_then_its_end(live_world: World) -> None:
    world = live_world
    run = world.client.post("/api/v1/runs", json={"source": "sim:sheet-ci?rate=40&seed=5", "cells": 60}).json()
    path = f"/api/v1/runs/{run['id']}/live"
    with watching(world, path) as never_reads, watching(world, path) as first:
        begun = json.loads(first.recv(timeout=60))
        assert begun["type"] == "cells" and begun["rows"][0]["event_id"] == 1
        with watching(world, f"{path}?after={begun['next']}&fields=class,novelty") as second:
            rest, code = until_closed(first)
            others, _ = until_closed(second)
        every = event_ids([begun, *rest])
        assert never_reads.recv(timeout=5)
    assert code == 1000
    assert rest[-1] == {"type": "end", "finish_reason": "target_reached"}
    assert every == stored(world, run["id"])
    assert event_ids(others) == [one for one in every if one > begun["next"]]
    assert all(set(row) == {"event_id", "class", "novelty"} for m in others[:-1] for row in m["rows"])
    # They did not come all at once.
    assert len([message for message in rest if message["type"] == "cells"]) > 2


def test_a_finished_run_is_played_through_a_filter_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAGE_ROWS", 5)
    with watching(world, f"/api/v1/runs/{world.run.id}/live?where=area_um2%20%3E%2080") as socket:
        messages, code = until_closed(socket)
    assert event_ids(messages) == stored(world, world.run.id, "area_um2 > 80")
    assert (messages[-1]["type"], code) == ("end", 1000)


def test_who_watches_again_sees_what_was_said_of_cells_since(world: World) -> None:
    path, labels = f"/api/v1/runs/{world.run.id}/live?fields=label", f"/api/v1/runs/{world.run.id}/labels"
    for label in ("odd", None):
        world.client.post(labels, json={"label": label, "where": "event_id > 0"})
        time.sleep(live.TURN_S)
        with watching(world, path) as socket:
            rows = [row for message in until_closed(socket)[0][:-1] for row in message["rows"]]
        assert {row["label"] for row in rows} == {label}


def test_status_comes_at_once_and_when_it_changes(world: World) -> None:
    with watching(world, "/api/v1/status/live") as socket:
        first, second = (json.loads(socket.recv(timeout=20)) for _ in range(2))
    assert first["type"] == "status"
    assert first["status"]["state"] == "idle"
    assert second["status"]["uptime_s"] > first["status"]["uptime_s"]


@pytest.mark.parametrize(
    ("path", "token", "code"),
    [
        ("/api/v1/status/live", "wrong", 4401),
        ("/api/v1/runs/RUN/live", "", 4401),
        ("/api/v1/runs/20250101T000000000Z-abcdef/live", "owner-secret", 4404),
        ("/api/v1/runs/..%2F..%2Fetc/live", "owner-secret", None),
        ("/api/v1/runs/RUN/live?where=nope%20%3D%201", "owner-secret", 4422),
        ("/api/v1/runs/RUN/live?fields=nope", "owner-secret", 4422),
    ],
)
def test_who_may_not_or_asks_nonsense_is_told_why(world: World, path: str, token: str, code: int | None) -> None:
    if code is None:
        with pytest.raises(InvalidStatus), watching(world, path, token):
            pass
        return
    with watching(world, path.replace("RUN", world.run.id), token) as socket:
        messages, closed_with = until_closed(socket)
        assert (messages, closed_with) == ([], code)
        assert socket.close_reason


def test_a_page_elsewhere_cannot_watch(world: World) -> None:
    with pytest.raises(InvalidStatus), watching(world, "/api/v1/status/live", origin="https://evil.example"):
        pass
    with watching(world, "/api/v1/status/live", origin=world.url) as socket:  # type: ignore[arg-type]
        assert json.loads(socket.recv(timeout=20))["type"] == "status"


def test_a_token_that_is_taken_back_ends_its_connections(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "CHECK_S", 0.1)
    tokens = TokenFile(world.data)
    secret = tokens.create("visitor", frozenset({Scope.READ}), None)
    with watching(world, "/api/v1/status/live", secret) as socket:
        assert socket.recv(timeout=20)
        tokens.revoke("visitor")
        assert until_closed(socket)[1] == 4401
    robot = tokens.create("robot", frozenset({Scope.CONTROL}), None)
    with watching(world, "/api/v1/status/live", robot) as socket:
        assert until_closed(socket)[1] == 4403
    tokens.revoke("robot")
