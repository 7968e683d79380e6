"""Every route that is described asks for its token, and answers as it is described, whatever is sent."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from served import World

from benchmarks.fuzz import fuzz
from service.tokens import Scope, TokenFile

OPEN = {"/healthz", "/readyz", "/v2", "/v2/health/live", "/v2/health/ready"}
"""What anybody may ask."""
FILLED = {"event_id": "1", "channel": "transmission.png", "name": "a", "model": "sheet-wbc", "version": "1"}
NEEDED = {"column": "area_um2", "x": "area_um2", "y": "novelty", "format": "csv"}


def routes(world: World) -> list[tuple[str, str, str | None]]:
    """Method, address and scope of every operation."""
    found = []
    for path, operations in world.client.get("/api/v1/openapi.json").json()["paths"].items():
        # A parameter of a route that is new is filled with something, too.
        address = path.format_map(defaultdict(lambda: "x", FILLED, run_id=world.run.id))
        for method, operation in operations.items():
            scopes = [scope for needed in operation.get("security", []) for scope in needed]
            found.append((method.upper(), address, scopes[0] if scopes else None))
    return found


def test_every_route_needs_a_token_and_one_that_allows_it(world: World) -> None:
    tokens = TokenFile(world.data)
    without = {
        scope.value: tokens.create(f"all but {scope.value}", frozenset(Scope) - {scope}, None) for scope in Scope
    }
    try:
        seen: set[str] = set()
        for method, address, scope in routes(world):
            ask: dict[str, Any] = {"params": NEEDED} | ({"json": {}} if method in ("POST", "PUT") else {})
            answer = world.stranger.request(method, address, **ask)
            if scope is None:
                assert address in OPEN and answer.status_code == 200, (method, address)
                continue
            assert answer.status_code == 401, (method, address)
            narrow = {"Authorization": f"Bearer {without[scope]}"}
            refused = world.stranger.request(method, address, headers=narrow, **ask)
            assert refused.status_code == 403 and f"'{scope}'" in refused.json()["detail"], (method, address)
            seen.add(scope)
        assert seen == set(Scope)
    finally:
        for scope in Scope:
            tokens.revoke(f"all but {scope.value}")


@pytest.fixture
def fuzzed(tmp_path):
    """A service whose gates and labels nobody else looks at."""
    from served import service_on
    from stored_run import make_run

    data = tmp_path / "data"
    with service_on(data, make_run(data)) as serving:
        yield serving


def test_whatever_is_sent_is_answered_as_the_document_says(fuzzed: World) -> None:
    found = fuzz(fuzzed.url, "owner-secret", fuzzed.run.id, fuzzed.first_cell(), examples=3)
    assert not found.failures, found.failures
    assert found.requests > 100 and found.succeeded > 20
