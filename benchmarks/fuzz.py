"""Requests that nobody thought of, drawn from the OpenAPI document: no fault, and only answers that it describes.

Source: schemathesis, https://schemathesis.readthedocs.io; the run is fixed by its seed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
STARTS = {("POST", "/api/v1/runs"), ("POST", "/api/v1/runs/{run_id}/results"), ("POST", "/api/v1/runs/{run_id}/maps")}
"""Left out: they would acquire, or begin a process, and each takes seconds."""
EXAMPLES = 100


@dataclass
class Fuzzed:
    """What came of it: requests, those that were answered with success, and what went wrong, by route."""

    requests: int = 0
    succeeded: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def fuzz(url: str, token: str, run_id: str, event_id: int, examples: int, seed: int = 1) -> Fuzzed:
    """Ask a service whatever its document allows, and what it does not.

    Parameters
    ----------
    url, token
        The service, which may be changed by it: gates and labels are drawn.
    run_id, event_id
        What three of four requests are about, so that not all of them end at a run that there is not.
    examples
        Requests for each route.
    seed
        Of the draws.
    """
    headers = {"Authorization": f"Bearer {token}"}
    document = requests.get(f"{url}/api/v1/openapi.json", headers=headers, timeout=60).json()
    schema = schemathesis.openapi.from_dict(document)
    found = Fuzzed()
    known: dict[str, Any] = {"run_id": run_id, "event_id": event_id}
    with requests.Session() as session:
        session.headers.update(headers)
        for operation in schema.get_all_operations():
            route = operation.ok()
            if (route.method.upper(), route.path) not in STARTS:
                _ask(route, known, found, _sender(url, session), examples, seed)
    return found


def _sender(url: str, session: requests.Session) -> Callable[[Any], Any]:
    return lambda case: case.call(base_url=url, session=session, timeout=120)


def _ask(
    route: Any, known: dict[str, Any], found: Fuzzed, send: Callable[[Any], Any], examples: int, seed: int
) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=route.as_strategy())
    def ask(case: Any) -> None:
        found.requests += 1
        if found.requests % 4:
            case.path_parameters.update({name: known[name] for name in known if name in case.path_parameters})
        answer = send(case)
        found.succeeded += answer.status_code < 300
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            said = "; ".join(f"{one.title}: {one.message}"[:300] for one in group.exceptions)
            found.failures.setdefault(
                f"{route.method.upper()} {route.path}", f"{said} [{case.as_curl_command()[:400]}]"
            )

    ask()


def main() -> None:
    """Fuzz a service over a finished simulated run of its own."""
    sys.path += ["tests", "tests/service/web"]
    from served import service_on
    from stored_run import make_run

    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        with service_on(data, make_run(data)) as world:
            began = time.monotonic()
            found = fuzz(world.url, world.tokens.owner, world.run.id, world.first_cell(), EXAMPLES)
            took = time.monotonic() - began
    print(f"{found.requests} requests in {took:.0f} s, {found.succeeded} of them answered with success")
    for route, said in found.failures.items():
        print(f"- {route}: {said}")
    print(f"{len(found.failures)} routes with failures")
    sys.exit(bool(found.failures))


if __name__ == "__main__":
    main()
