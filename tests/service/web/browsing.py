"""The page in a real browser, and what it did that it should not."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, expect
from served import World

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; see .ci/run")
OWNER = "/?token=owner-secret"
PATIENCE_MS = 30_000
"""Machines under load are slow; what is waited for comes by itself."""


@dataclass
class Watch:
    """What a page did that it should not."""

    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", self._take)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or ""))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).hostname or ""))
        page.on("response", lambda answer: answer.status >= 400 and self.failed.append(answer.url))

    def _take(self, message: ConsoleMessage) -> None:
        # Of a graphics card that is simulated, drivers and Plotly say that it is slow.
        slow = "GL Driver Message" in message.text or "willReadFrequently" in message.text
        if message.type in ("error", "warning") and not slow:
            self.errors.append(message.text)

    @property
    def clean(self) -> bool:
        """Whether nothing was said, refused or asked of anybody else."""
        return (self.errors, self.failed, self.hosts - {"127.0.0.1"}) == ([], [], set())


def opened(page: Page, world: World, place: str = "#/live") -> Watch:
    """Open a place of the page as the owner."""
    watch = Watch()
    watch.follow(page)
    page.goto(world.url + OWNER + place)
    expect(page.locator("#state")).not_to_have_text("connecting")
    return watch


def plotted(page: Page, cells: int) -> None:
    """Wait until so many cells are points of the plot."""
    expect(page.locator(".plot canvas")).to_have_attribute("aria-label", re.compile(rf"; {cells} cells shown"))


def loaded(picture: Locator) -> bool:
    """Whether an image is there with its pixels."""
    return bool(picture.evaluate("image => image.decode().then(() => image.naturalWidth > 0, () => false)"))


def drag(page: Page, first: tuple[float, float], last: tuple[float, float]) -> None:
    """Drag from one place of the plot to another, in shares of it."""
    box = page.locator(".explore .plot").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (first, last)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=4)
    page.mouse.up()


def keep(page: Page, name: str) -> None:
    """Name the gate that was drawn, and wait until its cells are counted."""
    page.get_by_label("Name of the new gate").fill(name)
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(f".gate-row[data-chosen=true] .cells[data-gate='{name}']")).to_be_visible()
