"""Runs controlled over HTTP: held, started, stopped; what they may be made of, and when they have enough."""

from __future__ import annotations

import time
from contextlib import closing

from served import World
from stored_run import simulated_events
from tiny_bundle import tiny_bundle

from reconstruction.transform import transform_for
from service.runs.gating import columns_of
from service.store.run_folder import RunFolder


def test_a_run_is_held_over_http_until_it_is_started(live_world: World) -> None:
    client = live_world.client
    body = {"source": "sim:sheet-ci?rate=40&seed=5", "hold": True}
    run = client.post("/api/v1/runs", json=body).json()
    address = f"/api/v1/runs/{run['id']}"
    assert run["state"] == client.get("/api/v1/status").json()["state"] == "armed"
    assert 'lightline_service_state{state="armed"} 1' in client.get("/metrics").text
    assert client.post("/api/v1/runs", json=body).status_code == 409
    assert live_world.stranger.post(f"{address}/start").status_code == 401
    assert client.post(f"{address}/start").json()["state"] == "acquiring"
    assert client.post(f"{address}/start").status_code == 409
    client.post(f"{address}/stop")
    assert client.delete("/api/v1/error").status_code == 204
    assert client.post(f"/api/v1/runs/{live_world.run.id}/start").status_code == 409
    assert client.post("/api/v1/runs/20260101T000000000Z-aaaaaa/start").status_code == 404


def test_a_page_can_offer_what_a_run_may_be_made_of(world: World) -> None:
    listed = world.client.get("/api/v1/sources").json()
    sim = next(one for one in listed["sources"] if one["url"] == "sim:sheet-ci")
    assert sim["kind"] == "sim" and sim["description"]
    assert {"sim", "tcp", "file"} <= {kind["scheme"] for kind in listed["kinds"]}
    bundles = {one["digest"]: one for one in world.client.get("/api/v1/bundles").json()["bundles"]}
    shipped = next(one for one in bundles.values() if one["bundle"] == "sheet-wbc")
    assert shipped["shipped"] and shipped["instrument_kind"] == "light_sheet" and shipped["inputs"]
    own = bundles[world.run.bundle_digest]
    assert not own["shipped"] and own["runs"] == [world.run.id] and own["bundle"].endswith("model.bundle")
    for route in ("sources", "bundles"):
        assert world.stranger.get(f"/api/v1/{route}").status_code == 401


def test_the_columns_of_cells_are_known_before_the_first(world: World) -> None:
    instrument, _, images = simulated_events()
    known = columns_of(transform_for(instrument), list(images.images), tiny_bundle().contract)
    with closing(RunFolder.open(world.data / "runs" / world.run.id)) as folder:
        columns = folder.results().cells.columns()
    # Principal components are found of cells, so they cannot be known before.
    assert known == {name: kind for name, kind in columns.items() if name not in ("pc1", "pc2")}
    assert {"pc1", "pc2"} <= columns.keys()


def test_a_run_over_http_ends_with_enough_cells_in_a_gate(live_world: World) -> None:
    client = live_world.client
    large = {"name": "large", "region": {"kind": "rectangle", "sides": [{"column": "area_um2", "low": 20}]}}
    body = {"source": "sim:sheet-ci?rate=40&seed=5", "gates": [large], "stop": {"gate": "large", "cells": 5}}
    run = client.post("/api/v1/runs", json=body).json()
    address = f"/api/v1/runs/{run['id']}"
    while client.get(address).json()["ended_at"] is None:
        time.sleep(0.1)
    assert client.get(address).json()["finish_reason"] == "gate_reached"
    counted = client.get(f"{address}/gates", params={"counts": "true"}).json()["gates"]
    assert counted[0]["name"] == "large" and counted[0]["cells"] >= 5
    assert client.get("/api/v1/status").json()["stop"]["cells"] == counted[0]["cells"]
    refused = client.post("/api/v1/runs", json=body | {"stop": {"gate": "huge", "cells": 5}})
    assert refused.status_code == 422 and "no gate 'huge'" in refused.json()["detail"]


def test_a_sequence_over_http_is_checked_listed_and_cancelled(world: World) -> None:
    path = "/api/v1/sequences"
    outside = {"runs": [{"source": "sim:sheet-ci", "hold": True}, {"source": "/etc/passwd"}]}
    refused = world.client.post(path, json=outside)
    assert refused.status_code == 422 and "--allow-source" in refused.json()["detail"]
    assert world.client.post(path, json={"runs": []}).status_code == 422
    assert world.client.get(path).json() == {"sequences": []}
    assert world.client.delete(f"{path}/nothing").status_code == 404
    assert world.stranger.post(path, json=outside).status_code == 401
