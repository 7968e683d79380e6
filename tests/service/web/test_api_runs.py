"""Runs and their tables over HTTP: what is asked is what is answered, and a wrong question gets one sentence."""

from __future__ import annotations

import pytest
from served import World

from inference.contract import Contract
from service.run import Run
from service.status import ServiceStatus


def test_status_and_runs_are_the_documents_that_the_python_side_has(world: World) -> None:
    status = ServiceStatus.model_validate(world.client.get("/api/v1/status").json())
    assert status.uptime_s >= 0
    listed = world.client.get("/api/v1/runs").json()
    assert [run["id"] for run in listed["runs"]] == [world.run.id] and listed["total"] == 1
    shown = Run.model_validate(world.client.get(f"/api/v1/runs/{world.run.id}").json())
    assert shown.instrument == world.run.instrument
    assert shown.ledger == world.run.ledger


def test_a_run_is_pinned_and_let_go_again(world: World) -> None:
    address = f"/api/v1/runs/{world.run.id}/pin"
    assert world.client.put(address).status_code == 204
    assert world.client.get("/api/v1/runs").json()["pinned"] == [world.run.id]
    assert [world.client.delete(address).status_code for _ in range(2)] == [204, 204]
    assert world.client.get("/api/v1/runs").json()["pinned"] == []
    assert world.client.put("/api/v1/runs/no-such-run/pin").status_code == 404


def test_the_bundle_of_a_run_says_what_its_answers_mean(world: World) -> None:
    contract = Contract.model_validate(world.client.get(f"/api/v1/runs/{world.run.id}/bundle").json())
    assert contract.digest == world.run.bundle_digest


def test_pages_of_cells_join_to_the_whole_without_a_double(world: World) -> None:
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = world.client.get(world.cells, params={"after": after, "limit": 4, "fields": "event_id,area_um2"}).json()
        assert page["total"] == world.run.ledger.stored
        assert all(set(row) == {"event_id", "area_um2"} for row in page["rows"])
        seen += [row["event_id"] for row in page["rows"]]
        after = page["next"]
    assert seen == sorted(set(seen)) and len(seen) == world.run.ledger.stored


def test_a_filter_returns_the_cells_it_names_and_their_number(world: World) -> None:
    everything = world.client.get(world.cells, params={"limit": 1000}).json()["rows"]
    limit = sorted(row["area_um2"] for row in everything)[len(everything) // 2]
    page = world.client.get(world.cells, params={"where": f"area_um2 > {limit}", "order": "-area_um2"}).json()
    areas = [row["area_um2"] for row in page["rows"]]
    assert areas == sorted((row["area_um2"] for row in everything if row["area_um2"] > limit), reverse=True)
    assert page["total"] == len(areas)


def test_rejected_events_are_listed_with_their_reason(world: World) -> None:
    page = world.client.get(f"/api/v1/runs/{world.run.id}/rejected").json()
    assert page["total"] == sum(world.run.ledger.rejected.values()) > 0
    assert {row["rejection"] for row in page["rows"]} == set(world.run.ledger.rejected)


def test_columns_say_what_filters_may_name(world: World) -> None:
    columns = world.client.get(f"/api/v1/runs/{world.run.id}/columns").json()["columns"]
    assert columns["area_um2"] == "number" and columns["class"] == "text" and columns["novel"] == "truth"


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/api/v1/runs/nothing", {}, 404),
        ("/api/v1/runs/..%2F..%2Fetc", {}, 404),
        ("/api/v1/runs/nothing/cells", {}, 404),
        ("{cells}", {"where": "no_such_column > 3"}, 422),
        ("{cells}", {"where": "area_um2 > 3; DROP TABLE cells"}, 422),
        ("{cells}", {"fields": "event_id,secret"}, 422),
        ("{cells}", {"order": "secret"}, 422),
        ("{cells}", {"limit": "0"}, 422),
        ("{cells}", {"after": "-1"}, 422),
        ("{cells}", {"after": "soon"}, 422),
        ("{cells}/999999", {}, 404),
        ("{cells}/0", {}, 422),
        ("/api/v1/nothing", {}, 404),
    ],
)
def test_a_wrong_question_gets_a_problem_document_with_one_sentence(
    world: World, path: str, params: dict[str, str], status: int
) -> None:
    answer = world.client.get(path.format(cells=world.cells), params=params)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"] and "\n" not in problem["detail"] and "Traceback" not in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"source": "sim:no-such-preset"},
        {"source": "bogus:thing"},
        {"source": "/etc/passwd"},
        {"source": "atom:../../etc/passwd"},
        {"source": "sim:sheet-ci", "bundle": "/etc/passwd"},
        {"source": "sim:sheet-ci", "cells": 0},
        {"source": "sim:sheet-ci", "surprise": 1},
    ],
)
def test_a_run_that_cannot_be_is_refused_before_anything_starts(world: World, body: dict[str, object]) -> None:
    answer = world.client.post("/api/v1/runs", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.client.get("/api/v1/status").json()["state"] == "idle"


def test_stopping_what_does_not_run_says_which_state_allows_it(world: World) -> None:
    answer = world.client.post(f"/api/v1/runs/{world.run.id}/stop")
    assert answer.status_code == 409
    assert "acquiring" in answer.json()["detail"]


def test_metrics_have_every_label_from_the_start(world: World) -> None:
    text = world.client.get("/metrics").text
    assert 'lightline_rejected_events_total{reason="off_field"} 0' in text
    assert 'lightline_dropped_events_total{reason="queue_full"} 0' in text
    assert 'lightline_latency_seconds_bucket{stage="total",le="0.0001"} 0' in text
    assert 'lightline_latency_seconds_bucket{stage="infer",le="+Inf"} 0' in text
    assert 'lightline_latency_quantile_seconds{stage="total",quantile="0.999"} 0' in text
    assert 'lightline_latency_worst_event{stage="store"} 0' in text
    for line in text.splitlines():
        assert line.startswith(("# HELP lightline_", "# TYPE lightline_", "lightline_"))


def test_the_description_for_generated_clients_is_complete(world: World) -> None:
    description = world.client.get("/api/v1/openapi.json").json()
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            assert route.get("description") or route.get("summary"), (method, path)
            content = route["responses"].get("200", {}).get("content", {})
            if path != "/api/v1/openapi.json":  # the one document that describes the others
                assert content.get("application/json", {"schema": True})["schema"] != {}, path
    assert "RunRequest" in description["components"]["schemas"]
