"""The page in a real browser: cells are counted, a click shows why, and nothing leaves this computer."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from served import World

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; see .ci/run")


@dataclass
class Watch:
    """What a page did that it should not."""

    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or ""))
        page.on("response", lambda answer: answer.status >= 400 and self.failed.append(answer.url))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    yield context.new_page()
    context.close()


def opened(page: Page, world: World, path: str = "/?token=owner-secret") -> Watch:
    watch = Watch()
    watch.follow(page)
    page.goto(world.url + path)
    expect(page.locator("#ledger dd[data-name=detected]")).to_have_text(str(world.run.ledger.detected))
    return watch


def loaded(page: Page, picture: str) -> bool:
    return bool(page.locator(picture).evaluate("image => image.complete && image.naturalWidth > 0"))


def test_the_page_shows_the_ledger_the_run_and_its_cells(page: Page, world: World) -> None:
    watch = opened(page, world)
    expect(page.locator("#ledger dd[data-name=stored]")).to_have_text(str(world.run.ledger.stored))
    expect(page.locator("#origin")).to_have_text("SIMULATED")
    expect(page.locator(".tile")).to_have_count(world.run.ledger.stored)
    expect(page.locator("#legend")).to_contain_text("dark")
    assert "token" not in page.url and "owner-secret" not in page.content()
    assert (watch.errors, watch.failed, watch.hosts) == ([], [], {"127.0.0.1"})


def test_a_click_on_a_cell_shows_what_the_model_looked_at(page: Page, world: World) -> None:
    watch = opened(page, world)
    page.locator(".tile").first.click()
    expect(page.locator("#cell h2").first).to_contain_text("Cell")
    expect(page.locator("#saliency img")).to_have_attribute("src", re.compile("saliency.png"))
    expect(page.locator("#saliency .scale-bar")).to_be_visible()
    assert loaded(page, "#saliency img")
    expect(page.locator("#answers")).to_contain_text("large")
    expect(page.locator("#evidence")).to_contain_text("what speaks for large")
    expect(page.locator(".features")).to_contain_text("µm²")
    with page.expect_response(lambda answer: "saliency.png?target=1" in answer.url) as other:
        page.get_by_label("Evidence for").select_option(label="small")
    assert other.value.ok and other.value.headers["content-type"] == "image/png"
    assert (watch.errors, watch.failed) == ([], [])


def test_a_point_of_the_scatter_and_the_arrow_keys_choose_cells(page: Page, world: World) -> None:
    opened(page, world)
    expect(page.locator(".tile")).to_have_count(world.run.ledger.stored)
    page.locator("#scatter").focus()
    page.keyboard.press("ArrowRight")
    title = page.locator("#cell .cell-head h2")
    expect(title).to_contain_text("Cell")
    last = title.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(title).not_to_have_text(last)
    assert f"run={world.run.id}" in page.url and "cell=" in page.url


def test_a_link_to_a_cell_opens_that_cell(page: Page, world: World) -> None:
    event_id = world.first_cell()
    opened(page, world, f"/?token=owner-secret#run={world.run.id}&cell={event_id}")
    expect(page.locator("#cell .cell-head h2")).to_have_text(f"Cell {event_id}")


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
    expect(page.locator("#notice")).to_contain_text("no-such-preset")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_start_shows_cells_as_they_come_and_stop_ends_the_run(page: Page, live_world: World) -> None:
    watch = opened(page, live_world)
    page.locator("#source").fill("sim:sheet-ci?rate=8")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#state")).to_have_text("acquiring", timeout=20_000)
    expect(page.locator("#about")).to_contain_text("8 cells/s")
    expect(page.locator("#ledger dd[data-name=stored]")).not_to_have_text("0", timeout=20_000)
    expect(page.locator(".tile").first).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#state")).to_have_text("idle", timeout=20_000)
    expect(page.locator("#about")).to_contain_text("stopped")
    stored = live_world.client.get("/api/v1/status").json()["ledger"]["stored"]
    expect(page.locator("#ledger dd[data-name=stored]")).to_have_text(str(stored))
    assert (watch.errors, watch.failed) == ([], [])


def test_a_service_that_went_away_is_said_and_not_hidden(page: Page, live_world: World) -> None:
    opened(page, live_world)
    page.route("**/api/**", lambda route: route.abort())
    expect(page.locator("#notice")).to_contain_text("does not answer")
    expect(page.locator("#state")).to_have_text("offline")
    page.unroute("**/api/**")
    expect(page.locator("#notice")).to_be_hidden()
