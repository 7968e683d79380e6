"""Runs controlled over HTTP: held, started, stopped; and the error that stays until somebody knows."""

from __future__ import annotations

from served import World


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
