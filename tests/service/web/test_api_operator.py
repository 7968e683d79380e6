"""Who has the controls has them alone, until they are given back, not used, or taken over, which is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
from served import World

from service import operator_lock
from service.errors import OperatorHolds
from service.operator_lock import OperatorLock
from service.tokens import Scope, TokenFile

OPERATOR = "/api/v1/operator"


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(operator_lock, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def test_controls_are_held_while_they_are_used_and_free_soon_after(clock: Clock) -> None:
    lock = OperatorLock()
    lock.use("anybody")
    assert lock.status() is None and lock.take("a", "Ada", 10) is None
    for _ in range(5):
        clock.now_s += 500
        lock.use("a")
        with pytest.raises(OperatorHolds, match=r"Ada \(token 'a'\) has the controls until .*take=true"):
            lock.use("b")
    held = lock.status()
    assert held is not None and (held.name, held.token, held.left_s) == ("Ada", "a", 600.0)
    clock.now_s += 600
    lock.use("b")
    assert lock.status() is None and lock.take("b", "Bob", 10) is None


def test_controls_are_taken_over_only_by_who_says_so(clock: Clock) -> None:
    lock = OperatorLock()
    lock.take("a", "Ada", 10)
    with pytest.raises(OperatorHolds):
        lock.take("b", "Bob", 10)
    before = lock.take("b", "Bob", 5, from_others=True)
    assert before is not None and before.name == "Ada"
    for late in (lock.use, lock.give_back):
        with pytest.raises(OperatorHolds, match="Bob"):
            late("a")
    assert lock.take("b", "Bobby", 5, from_others=True) is None
    lock.give_back("b")
    lock.give_back("b")
    lock.use("a")


@pytest.fixture
def bob(world: World) -> Iterator[httpx.Client]:
    """Another person who may control."""
    tokens = TokenFile(world.data)
    secret = tokens.create("bob", frozenset({Scope.READ, Scope.CONTROL}), None)
    with httpx.Client(base_url=world.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30) as client:
        yield client
    tokens.revoke("bob")


def test_others_are_told_who_has_the_controls(world: World, bob: httpx.Client) -> None:
    stop = f"/api/v1/runs/{world.run.id}/stop"
    assert bob.post(stop).status_code == 409
    held = world.client.put(OPERATOR, json={"name": "Ada"}).json()
    assert (held["name"], held["token"]) == ("Ada", "owner") and 890 < held["left_s"] <= 900
    try:
        assert bob.get("/api/v1/status").json()["operator"]["name"] == "Ada"
        for refused in (
            bob.post(stop),
            bob.post("/api/v1/runs", json={}),
            bob.delete("/api/v1/error"),
            bob.put(OPERATOR, json={"name": "Bob"}),
            bob.delete(OPERATOR),
        ):
            assert refused.status_code == 423 and "Ada" in refused.json()["detail"]
        assert world.client.post(stop).status_code == 409
        assert bob.put(OPERATOR, params={"take": "true"}, json={"name": "Bob"}).json()["token"] == "bob"
        assert world.client.post(stop).status_code == 423
    finally:
        bob.put(OPERATOR, params={"take": "true"}, json={"name": "Bob"})
        assert bob.delete(OPERATOR).status_code == 204
    assert world.client.get("/api/v1/status").json()["operator"] is None
    assert world.client.post(stop).status_code == 409
    notes = [json.loads(line).get("note") for line in (world.data / "audit.log").read_text().splitlines()]
    assert "Bob took the controls from Ada (token 'owner')" in notes


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "a\nb"}, {"name": "a", "minutes": 0}])
def test_who_takes_the_controls_has_a_name(world: World, body: dict[str, object]) -> None:
    assert world.client.put(OPERATOR, json=body).status_code == 422


def test_who_may_only_read_takes_no_controls(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.tokens.reader}"}
    assert world.stranger.put(OPERATOR, json={"name": "Eve"}, headers=headers).status_code == 403
