"""A report is read on a phone as well: its wide tables move, the page does not."""

from __future__ import annotations

from pathlib import Path

from browsing import needs_chromium
from playwright.sync_api import Page

from service.report.html import table, whole_page


@needs_chromium
def test_on_a_narrow_screen_a_wide_table_moves_and_the_page_does_not(page: Page, tmp_path: Path) -> None:
    wide = table(
        "Scores of a model", ["kind", *(f"column {k}" for k in range(12))], [(["cell", *"0123456789ab"], "own")]
    )
    report = tmp_path / "report.html"
    report.write_text(whole_page("A model", [f"<p>digest {'0123456789abcdef' * 4}</p>", wide]))
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    region = page.get_by_role("region", name="Scores of a model")
    assert region.evaluate("region => region.scrollWidth > region.clientWidth")
    region.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.scrolls').scrollLeft > 0")
