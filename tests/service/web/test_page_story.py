"""The whole story clicked through, and what the page says when the service, the token or the run goes."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import flowio
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import drag, keep, needs_chromium, opened, plotted
from playwright.sync_api import Page, expect
from served import World, service_on
from stored_run import make_run

from service.api import live
from service.runs.control import RUNS
from service.tokens import Scope, TokenFile

pytestmark = needs_chromium


def test_a_run_is_armed_acquired_gated_looked_at_labelled_and_taken_home(
    page: Page, live_world: World, tmp_path: Path
) -> None:
    watch = opened(page, live_world)
    page.locator("#source").fill("sim:sheet-ci?rate=40&seed=5")
    page.locator("#cells").fill("16")
    page.get_by_role("button", name="Arm").click()
    expect(page.locator("#state")).to_have_text("armed")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#about")).to_contain_text("done (target reached)")
    expect(page.locator("#state")).to_have_text("idle")
    run = live_world.client.get("/api/v1/status").json()["run_id"]
    # A gate around everything there is, and its pictures.
    page.get_by_role("link", name="Explore").click()
    plotted(page, live_world.client.get(f"/api/v1/runs/{run}").json()["ledger"]["stored"])
    page.get_by_role("button", name="Draw a rectangle").click()
    drag(page, (0.12, 0.04), (0.97, 0.85))
    keep(page, "mine")
    row = page.locator(".cells[data-gate='mine']")
    counted = live_world.client.get(f"/api/v1/runs/{run}/gates", params={"counts": True}).json()["gates"][0]["cells"]
    expect(row).to_have_text(str(counted))
    expect(page.locator(".tile")).to_have_count(counted)
    # Its first cell, why the model says what it says, and a label.
    page.locator(".tile").first.click()
    page.get_by_role("link", name="Open cell").click()
    expect(page.locator("#evidence")).to_contain_text("speaks for")
    page.get_by_label("Label", exact=True).fill("odd one")
    page.get_by_role("button", name="Label", exact=True).click()
    expect(page.locator(".tag.given")).to_have_text("labelled odd one")
    # The cells of the gate as a file.
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator(f"tr[data-run='{run}']")).to_contain_text("target reached")
    page.get_by_label("Cells").select_option("mine")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "mine.fcs")
    assert flowio.FlowData(str(tmp_path / "mine.fcs")).event_count == counted
    assert watch.clean, watch


def test_nothing_in_any_view_keeps_people_out(page: Page, world: World) -> None:
    watch = opened(page, world)
    axe = Axe()
    ready = {
        "live": ".tile",
        f"explore/{world.run.id}": ".tile",
        f"cell/{world.run.id}/{world.first_cell()}": ".features tr",
        "models": ".crosstab, .models h3",
        "runs": ".compare-chart .main-svg",
        "service": ".table tbody tr",
    }
    for place, there in ready.items():
        page.goto(f"{world.url}/#/{place}")
        expect(page.locator(there).first).to_be_visible()
        # In the dark only colours differ.
        contrast = {"runOnly": ["color-contrast"]}
        for scheme, rules in (("light", {}), ("dark", contrast)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            # Of what is in order, nothing has to be told.
            found = axe.run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
            grave = [
                (place, scheme, one["id"], [node["html"][:160] for node in one["nodes"]][:3])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert not grave
    assert watch.clean, watch


def test_a_service_that_is_started_again_is_found_again(page: Page, tmp_path: Path) -> None:
    data = tmp_path / "data"
    run = make_run(data)
    with service_on(data, run) as first:
        opened(page, first)
        expect(page.locator(".tile")).to_have_count(run.ledger.stored)
        port = urlsplit(first.url).port
    expect(page.locator("#state")).to_have_text("offline")
    expect(page.locator("#notice")).to_contain_text("does not answer")
    assert port
    with service_on(data, run, port):
        expect(page.locator("#state")).to_have_text("idle")
        expect(page.locator("#notice")).to_be_hidden()
        page.get_by_role("link", name="Runs", exact=True).click()
        expect(page.locator(f"tr[data-run='{run.id}']")).to_be_visible()


def test_a_token_that_ends_and_a_run_that_goes_are_said(
    page: Page, live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECK_S", 0.1)
    world = live_world
    tokens = TokenFile(world.data)
    secret = tokens.create("visitor", frozenset({Scope.READ}), None)
    page.goto(f"{world.url}/?token={secret}#/live")
    expect(page.locator(".tile")).to_have_count(world.run.ledger.stored)
    # Looking is allowed, starting is not.
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#start .said")).to_contain_text("control")
    shutil.rmtree(world.data / RUNS / world.run.id)
    page.goto(f"{world.url}/#/cell/{world.run.id}/1")
    expect(page.locator("#view [role=alert]")).not_to_be_empty()
    tokens.revoke("visitor")
    expect(page.locator("#token-dialog")).to_be_visible()
    expect(page.locator("#token-error")).to_contain_text("no longer")
    expect(page.locator("#state")).to_have_text("locked")


def test_on_a_slow_network_the_cells_are_there_before_the_charts(page: Page, world: World) -> None:
    slow = {"offline": False, "latency": 150, "downloadThroughput": 150_000, "uploadThroughput": 50_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    watch = opened(page, world)
    expect(page.locator("#ledger dd[data-name=stored]")).to_have_text(str(world.run.ledger.stored))
    expect(page.locator(".tile")).to_have_count(world.run.ledger.stored)
    assert watch.clean, watch
