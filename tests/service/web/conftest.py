"""Services to test on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import CHROMIUM, PATIENCE_MS
from playwright.sync_api import Browser, Page, expect, sync_playwright
from served import World, service_on
from stored_run import make_run
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("service") / "data"
    with service_on(data, make_run(data)) as serving:
        yield serving


@pytest.fixture
def live_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service of its own, whose default model is the tiny one, to start runs on."""
    (tmp_path / "bundles").mkdir()
    tiny_bundle().save(tmp_path / "bundles" / "sheet-wbc.bundle")
    monkeypatch.setattr("inference.shipped.SHIPPED", tmp_path / "bundles")
    data = tmp_path / "data"
    with service_on(data, make_run(data)) as serving:
        yield serving


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
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
