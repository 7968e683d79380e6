"""The page in a real browser: who looks at it sees the run, its losses and its cells, and what went wrong."""

from __future__ import annotations

import io
import re

import numpy as np
from browsing import loaded, needs_chromium, opened
from playwright.sync_api import Page, expect
from served import World

pytestmark = needs_chromium


def test_the_page_shows_the_ledger_the_run_and_its_cells(page: Page, world: World) -> None:
    watch = opened(page, world)
    expect(page.locator("#ledger dd[data-name=detected]")).to_have_text(str(world.run.ledger.detected))
    expect(page.locator("#ledger dd[data-name=stored]")).to_have_text(str(world.run.ledger.stored))
    expect(page.locator("#origin")).to_have_text("SIMULATED")
    expect(page.locator(".tile")).to_have_count(world.run.ledger.stored)
    expect(page.locator("#legend")).to_contain_text("dark")
    expect(page.locator(".proportions .main-svg").first).to_be_visible()
    assert "token" not in page.url and "owner-secret" not in page.content()
    assert watch.clean, watch


def test_a_picture_leads_to_its_cell_and_what_the_model_looked_at(page: Page, world: World) -> None:
    watch = opened(page, world)
    page.locator(".tile").first.click()
    expect(page.locator("#cell h2")).to_contain_text("Cell")
    expect(page.locator("#saliency .scale-bar")).to_be_visible()
    assert loaded(page.locator("#saliency img"))
    expect(page.locator(".answers")).to_contain_text("large")
    expect(page.locator("#evidence")).to_contain_text("what speaks for large")
    expect(page.locator(".features")).to_contain_text("µm²")
    with page.expect_response(lambda answer: "saliency.png?target=1" in answer.url) as other:
        page.get_by_label("Evidence for").select_option(label="small")
    assert other.value.ok and other.value.headers["content-type"] == "image/png"
    with page.expect_response(lambda answer: "saliency.png?target=1&by=covering" in answer.url) as covered:
        page.locator("#saliency select[name=by]").select_option(label="covering the cell")
    assert covered.value.ok
    expect(page.locator("#evidence")).to_contain_text("reverse probability")
    with page.expect_response(lambda answer: "saliency.png?target=1&by=occlusion" in answer.url) as emptied:
        page.locator("#saliency select[name=by]").select_option(label="emptying patches")
    assert emptied.value.ok
    expect(page.locator("#evidence")).to_contain_text("occlusion")
    page.go_back()
    expect(page.locator("#ledger")).to_be_visible()
    assert watch.clean, watch


def test_arrow_keys_in_the_plot_choose_cells_and_then_step_from_cell_to_cell(page: Page, world: World) -> None:
    opened(page, world)
    expect(page.locator(".tile")).to_have_count(world.run.ledger.stored)
    page.locator("#scatter").press("ArrowRight")
    title = page.locator("#cell h2")
    expect(title).to_contain_text("Cell")
    last = title.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(title).not_to_have_text(last)
    assert f"#/cell/{world.run.id}/" in page.url


def test_a_link_to_a_cell_opens_that_cell_with_its_volume_by_slices(page: Page, world: World) -> None:
    event_id = world.first_cell()
    watch = opened(page, world, f"#/cell/{world.run.id}/{event_id}")
    expect(page.locator("#cell h2")).to_have_text(f"Cell {event_id}")
    expect(page.locator(".traces .empty")).to_be_hidden()
    window = world.client.get(f"{world.cells}/{event_id}/window.npy")
    samples = len(np.load(io.BytesIO(window.content)))
    assert 0 < float(window.headers["Lightline-Trigger"]) < samples
    expect(page.locator(".traces canvas")).to_have_attribute("aria-label", re.compile(f"{samples} of each channel"))
    with page.expect_response(lambda answer: "z=" in answer.url and answer.ok):
        page.get_by_label("Slice along the scan").fill("11")
    expect(page.locator(".slices figcaption")).to_contain_text("slice 11 at 2.88 µm")
    with page.expect_response(lambda answer: "restore=smooth" in answer.url and answer.ok):
        page.locator(".slices select").last.select_option("smooth")
    assert watch.clean, watch


def test_of_many_volumes_the_one_that_is_chosen_is_shown(page: Page, world: World) -> None:
    event_id = world.first_cell()
    cell = world.client.get(f"{world.cells}/{event_id}").json()
    (volume,) = [channel for channel in cell["channels"] if channel["kind"] == "volume"]
    cell["channels"] += [{**volume, "name": f"band_{k}"} for k in range(10)]
    page.route(f"**{world.cells}/{event_id}", lambda route: route.fulfill(json=cell))
    watch = opened(page, world, f"#/cell/{world.run.id}/{event_id}")
    which = page.get_by_label("Channel of the volume")
    expect(which.locator("option")).to_have_count(11)
    which.select_option("band_7")
    expect(page.locator(".slices figcaption")).to_contain_text("band 7")
    expect(page.locator(".slices")).to_have_count(1)
    assert watch.clean, watch


def test_without_a_token_the_page_asks_for_it_and_goes_on(page: Page, world: World) -> None:
    page.goto(world.url)
    dialog = page.locator("#token-dialog")
    expect(dialog).to_be_visible()
    page.locator("#token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#token-error")).to_contain_text("not this service's")
    page.locator("#token").fill("owner-secret")
    page.get_by_role("button", name="Open").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(world.run.ledger.stored)


def test_a_source_that_cannot_be_opened_is_explained_where_it_was_asked_for(page: Page, world: World) -> None:
    opened(page, world)
    page.locator("#source").fill("sim:no-such-preset")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#start .said")).to_contain_text("no-such-preset")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_start_shows_cells_as_they_come_and_stop_ends_the_run(page: Page, live_world: World) -> None:
    watch = opened(page, live_world)
    page.locator("#source").fill("sim:sheet-ci?rate=8")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_have_text("acquiring")
    expect(page.locator("#about")).to_contain_text("8 cells/s")
    expect(page.locator("#ledger dd[data-name=stored]")).not_to_have_text("0")
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator(".traces .empty")).to_be_hidden()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#state")).to_have_text("idle")
    expect(page.locator("#about")).to_contain_text("stopped")
    stored = live_world.client.get("/api/v1/status").json()["ledger"]["stored"]
    expect(page.locator("#ledger dd[data-name=stored]")).to_have_text(str(stored))
    # The same twice more in sequence, until no other is wanted.
    page.get_by_text("Several runs in sequence").click()
    page.get_by_role("button", name="Add this run").click()
    expect(page.locator(".run-control .error", has_text="has enough")).to_be_visible()
    page.locator("#cells").fill("5000")
    for _ in range(2):
        page.get_by_role("button", name="Add this run").click()
    expect(page.locator(".queue li")).to_have_count(2)
    page.get_by_role("button", name="Start sequence").click()
    expect(page.locator(".progress-line")).to_contain_text("run 1 of 2, then sim:sheet-ci?rate=8")
    page.get_by_role("button", name="Begin no other").click()
    expect(page.locator(".progress-line")).to_contain_text("cancelled after run 1 of 2")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#state")).to_have_text("idle")
    assert watch.clean, watch


def test_keys_lead_to_every_view_and_a_sheet_says_which(page: Page, world: World) -> None:
    watch = opened(page, world)
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("draw a rectangle")
    # The sheet that closes has the focus still when the next keys come.
    page.keyboard.press("Escape")
    places = {"s": ".service .table tbody tr", "m": ".promises", "e": ".gate-row", "r": "tr[data-run]"}
    for key, there in places.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.locator(there).first).to_be_visible()
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    # Runs are found by words, kept for good, and sorted.
    page.get_by_label("Find runs").fill("sheet nothing")
    expect(page.locator(".runs-table")).to_contain_text("No run has all of these words")
    page.get_by_label("Find runs").fill("tiny sheet")
    expect(page.locator(f"tr[data-run='{world.run.id}']")).to_be_visible()
    for kept in (True, False):
        with page.expect_response(lambda answer: answer.url.endswith("/pin") and answer.status == 204):
            page.get_by_role("checkbox", name="for good").set_checked(kept)
    page.get_by_role("button", name="cells", exact=True).click()
    expect(page.get_by_role("columnheader", name="cells", exact=True)).to_have_attribute("aria-sort", "descending")
    assert "sort=-cells" in page.url and watch.clean, watch


def test_a_place_that_is_not_there_is_said(page: Page, world: World) -> None:
    opened(page, world, f"#/cell/{world.run.id}/999999")
    expect(page.locator("#view [role=alert]")).to_contain_text("999999")
    page.goto(world.url + "/#/nowhere")
    expect(page.locator("#view")).to_contain_text("no view called 'nowhere'")
