"""Whatever callers do, or leave undone, the run goes on as if nobody had asked, and others are answered."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import string
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from served import World

from service.api import patience
from service.api.guard import BODY_LIMIT_BYTES
from service.export import csv_table

CLIMBING = [
    "../../../../etc/passwd",
    "..%2f..%2fetc",
    "....//....//etc",
    "/etc/passwd",
    "\\..\\..\\x",
    "a\x00b",
    "~root",
]
SOME = {"event_id": "1", "channel": "transmission", "name": "g", "model": "sheet-wbc", "version": "1"}


@contextlib.contextmanager
def connected(world: World) -> Iterator[socket.socket]:
    place = urlsplit(world.url)
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=60) as one:
        yield one


def asked(path: str, method: str = "GET", *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Authorization: Bearer owner-secret", *more, "", ""]
    return "\r\n".join(lines).encode()


def is_cut(one: socket.socket) -> bool:
    """Whether the other side ended the connection; bytes before that are thrown away."""
    try:
        while one.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def climbing_paths(world: World) -> Iterator[tuple[str, str]]:
    """Every route with every parameter of its path replaced in turn."""
    paths = world.client.get("/api/v1/openapi.json").json()["paths"]
    for path, operations in paths.items():
        inside = [name for _, name, _, _ in string.Formatter().parse(path) if name]
        for name in inside:
            for k, climb in enumerate(CLIMBING):
                filled = {one: SOME.get(one, world.run.id) for one in inside} | {name: quote(climb, safe="")}
                # One method of each route in turn: what checks the path is the same for all.
                yield list(operations)[k % len(operations)].upper(), path.format(**filled)


def test_no_parameter_of_a_path_climbs_out_of_the_data_folder(world: World) -> None:
    before = {path for path in world.data.rglob("*") if path.name != "gates.json"}
    tried = 0
    for method, path in climbing_paths(world):
        params = {"format": "csv", "column": "area_um2", "x": "area_um2", "y": "novelty"} if method == "GET" else {}
        answer = world.client.request(method, path, params=params)
        assert 400 <= answer.status_code < 500, (method, path, answer.status_code)
        assert "root:" not in answer.text
        tried += 1
    assert tried > 200
    assert {path for path in world.data.rglob("*") if path.name not in ("gates.json", "audit.log", "lock")} <= before


def test_a_body_without_end_is_cut_at_the_limit(world: World) -> None:
    sent, piece = 0, b"x" * 65536
    with connected(world) as one:
        one.sendall(asked("/api/v1/runs", "POST", "Content-Type: application/json", "Transfer-Encoding: chunked"))
        with contextlib.suppress(ConnectionError):
            for _ in range(10 << 30 >> 16):
                one.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
                sent += len(piece)
    # What the sockets themselves hold is some megabytes.
    assert BODY_LIMIT_BYTES <= sent < 32 << 20
    with connected(world) as one:
        one.sendall(asked("/api/v1/runs", "POST", f"Content-Length: {10 << 30}"))
        assert one.recv(65536).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "]
)
def test_headers_without_end_are_cut_before_a_body_and_behind_it(world: World, begun: bytes) -> None:
    sent, piece = 0, b"x" * 4096
    with connected(world) as one:
        one.sendall(begun)
        with contextlib.suppress(ConnectionError):
            for _ in range(64 << 20 >> 12):
                one.sendall(piece)
                sent += len(piece)
        assert is_cut(one)
    # What the sockets themselves hold is some megabytes.
    assert patience.AROUND_BYTES <= sent < 16 << 20


def test_a_body_may_come_in_pieces_of_a_byte(world: World) -> None:
    with connected(world) as one:
        one.sendall(asked("/api/v1/runs", "POST", "Content-Type: application/json", "Transfer-Encoding: chunked"))
        for _ in range(40):
            one.sendall(b"1\r\n \r\n" * 1000)
        one.sendall(b"2\r\n[]\r\n0\r\n\r\n")
        assert one.recv(65536).startswith(b"HTTP/1.1 422")


def test_headers_and_bodies_that_trickle_are_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADERS_S", 0.5)
    monkeypatch.setattr(patience, "BODY_S", 0.5)
    begun = asked("/api/v1/runs", "POST", "Content-Length: 100") + b"{"
    whole = asked("/api/v1/status")
    for first in (b"", b"GET / HT", begun, whole + b"GET /ap"):
        with connected(world) as one:
            one.sendall(first)
            for _ in range(30):
                time.sleep(0.05)
                with contextlib.suppress(OSError):
                    one.sendall(b"x" if first else b"")
            assert is_cut(one), first
    assert world.client.get("/api/v1/status").status_code == 200


def test_a_request_after_another_has_its_own_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADERS_S", 1.0)
    with connected(world) as one:
        for _ in range(4):
            one.sendall(asked("/healthz"))
            answer = b""
            while b'"ok"' not in answer:
                answer += one.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
            time.sleep(0.5)


class _Endless(csv_table.CsvExporter):
    def pieces(self, wanted, progress):
        while True:
            yield b"0" * 65536


def test_a_reader_that_stops_gives_its_place_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STALLED_S", 0.5)
    monkeypatch.setattr("service.api.exports.exporter_for", lambda _: _Endless())
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            one = stack.enter_context(connected(world))
            one.sendall(asked(f"/api/v1/runs/{world.run.id}/export?format=csv"))
            assert one.recv(100).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + 60
        while world.client.get("/api/v1/exports").json()["exports"] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert world.client.get("/api/v1/exports").json() == {"exports": []}


def annoy(world: World, stop: threading.Event) -> None:
    """Do everything at once that callers should not, until told to stop."""
    path = f"/api/v1/runs/{world.run.id}"
    nuisances = [
        b"\x16\x03\x01\x02\x00" + os.urandom(500),
        b"GET / HTTP/1.1\r\n" + b"x" * 200_000,
        asked(f"{path}/cells?limit=5000") * 20,
        asked("/api/v1/runs", "POST", "Content-Length: 5000000000") + b"{" * 100_000,
        asked(f"{path}/cells?where=" + "(" * 1900),
        asked("/api/v1/status/live", "GET", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==") + os.urandom(3000),
    ]  # fmt: skip
    with contextlib.ExitStack() as held:
        k = 0
        while not stop.wait(0.02):
            with contextlib.suppress(OSError):
                one = held.enter_context(connected(world))
                # Nothing is ever read of what comes back.
                one.settimeout(0.2)
                one.sendall(nuisances[k % len(nuisances)])
            k += 1


def test_a_run_goes_on_untouched_by_callers_who_mean_harm(live_world: World) -> None:
    world, stop = live_world, threading.Event()
    run = world.client.post("/api/v1/runs", json={"source": "sim:sheet-ci?rate=40&seed=5", "cells": 40}).json()
    nuisance = threading.Thread(target=annoy, args=(world, stop))
    nuisance.start()
    try:
        deadline = time.monotonic() + 200
        while run["state"] not in ("done", "failed") and time.monotonic() < deadline:
            time.sleep(0.2)
            run = world.client.get(f"/api/v1/runs/{run['id']}").json()
    finally:
        stop.set()
        nuisance.join()
    ledger = run["ledger"]
    assert (run["state"], run["finish_reason"], run["error"]) == ("done", "target_reached", None), json.dumps(ledger)
    assert ledger["stored"] >= 40 and not ledger["dropped"] and ledger["samples_lost"] == ledger["overruns"] == 0
    stored = world.client.get(f"/api/v1/runs/{run['id']}/cells", params={"limit": 1}).json()["total"]
    assert stored == ledger["stored"]
