"""Gates in the page: drawn by mouse, changed by keys and numbers, counted as the service counts, seen as pictures."""

from __future__ import annotations

import io

import flowio
import numpy as np
from browsing import drag, keep, needs_chromium, opened, plotted
from playwright.sync_api import Page, expect
from served import World

pytestmark = needs_chromium


def gates(world: World) -> dict[str, dict]:
    found = world.client.get(f"/api/v1/runs/{world.run.id}/gates", params={"counts": True}).json()["gates"]
    return {gate["name"]: gate for gate in found}


def shown(page: Page, name: str) -> int:
    return int(page.locator(f".cells[data-gate='{name}']").inner_text().replace("\u202f", ""))


def test_gates_are_drawn_changed_and_undone_and_hold_what_the_service_and_fcs_say(
    page: Page, live_world: World
) -> None:
    world = live_world
    watch = opened(page, world, f"#/explore/{world.run.id}")
    expect(page.locator(".cells[data-gate='']")).to_have_text(str(world.run.ledger.stored))
    plotted(page, world.run.ledger.stored)
    # By mouse: a rectangle of everything but the edges.
    page.get_by_role("button", name="Draw a rectangle").click()
    drag(page, (0.2, 0.1), (0.75, 0.8))
    keep(page, "singlets")
    assert shown(page, "singlets") == gates(world)["singlets"]["cells"] > 0
    expect(page.locator(".tile")).to_have_count(shown(page, "singlets"))
    # In it, by keys alone: an ellipse in the middle, and its centre moved by an arrow.
    page.get_by_role("button", name="Plot the cells of singlets").click()
    page.get_by_role("button", name="Draw an ellipse").press("Enter")
    keep(page, "ring")
    assert gates(world)["ring"]["gate"]["parent"] == "singlets"
    centre = gates(world)["ring"]["gate"]["region"]["centre"]
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.locator("[data-handle='0']").press("ArrowRight")
    assert gates(world)["ring"]["gate"]["region"]["centre"][0] > centre[0]
    # By number: wider along one axis.
    width = gates(world)["ring"]["gate"]["region"]["covariance"][0][0]
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.get_by_label("area_um2 half width").fill(str(1.5 * width**0.5))
        page.get_by_label("area_um2 half width").press("Enter")
    np.testing.assert_allclose(gates(world)["ring"]["gate"]["region"]["covariance"][0][0], 2.25 * width, rtol=1e-5)
    page.locator(".gate-choose", has_text="singlets").click()
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.get_by_label("area_um2 from").fill("0")
        page.get_by_label("area_um2 from").press("Enter")
    expect(page.locator("[data-gate='ring'] ~ .share")).to_contain_text("%")
    assert gates(world)["singlets"]["gate"]["region"]["sides"][0]["low"] == 0
    # Back and forth.
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("area_um2 from")).not_to_have_value("0")
    page.get_by_role("button", name="Redo").click()
    expect(page.get_by_label("area_um2 from")).to_have_value("0")
    # What the page shows, the service counts, and the FCS file holds.
    counted = gates(world)
    for name in ("singlets", "ring"):
        expect(page.locator(f".cells[data-gate='{name}']")).to_have_text(str(counted[name]["cells"]))
    assert regated(world, counted["singlets"]["gate"]["region"]) == shown(page, "singlets")
    assert watch.clean, watch


def regated(world: World, region: dict) -> int:
    """Cells of an FCS export that lie in a rectangle, as another program would count them."""
    content = world.client.get(f"/api/v1/runs/{world.run.id}/export", params={"format": "fcs"}).content
    file = flowio.FlowData(io.BytesIO(content))
    names = [parameter["pns"] for _, parameter in sorted(file.channels.items())]
    table = np.reshape(file.events, (-1, file.channel_count))
    inside = np.ones(len(table), bool)
    for side in region["sides"]:
        values = table[:, names.index(side["column"])]
        inside &= (values >= side["low"]) & (values < side["high"])
    return int(inside.sum())


def within(vertices: list[list[float]], x: float, y: float) -> bool:
    """Whether a point lies in a polygon, by the angles under which it sees the corners."""
    seen = np.arctan2(*(np.array(vertices) - [x, y]).T[::-1])
    turns = np.diff(np.append(seen, seen[0]))
    return bool(abs(np.sum((turns + np.pi) % (2 * np.pi) - np.pi)) > np.pi)


def test_a_polygon_on_principal_components_gives_its_cells_a_label_and_a_picture_its_point(
    page: Page, live_world: World
) -> None:
    world = live_world
    watch = opened(page, world, f"#/explore/{world.run.id}?x=pc1&y=pc2&by=class")
    expect(page.locator(".tile").first).to_be_visible()
    plotted(page, world.run.ledger.stored)
    expect(page.get_by_role("img", name="Cells over the time of the run, by class")).to_be_visible()
    page.locator(".explore .plot canvas").focus()
    page.keyboard.press("p")
    box = page.locator(".explore .plot").bounding_box()
    assert box is not None
    for x, y in ((0.15, 0.05), (0.97, 0.05), (0.97, 0.85)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.keyboard.press("Enter")
    keep(page, "half")
    cells = gates(world)["half"]["cells"]
    rows = world.client.get(world.cells, params={"fields": "pc1,pc2", "limit": 5000}).json()["rows"]
    region = gates(world)["half"]["gate"]["region"]
    assert [region[axis]["column"] for axis in "xy"] == ["pc1", "pc2"]
    inside = [within(region["vertices"], row["pc1"], row["pc2"]) for row in rows]
    assert sum(inside) == cells > 0
    expect(page.locator(".tile")).to_have_count(cells)
    page.get_by_label("Label", exact=True).fill("mine")
    page.get_by_role("button", name="Label", exact=True).click()
    expect(page.locator(".tile.labelled")).to_have_count(cells)
    assert world.client.get(f"/api/v1/runs/{world.run.id}/labels").json()["counts"] == {"mine": cells}
    page.locator(".tile").first.click()
    expect(page.locator(".tile[aria-pressed=true]")).to_have_count(1)
    page.get_by_role("link", name="Open cell").click()
    expect(page.locator("#cell .tag.given")).to_have_text("labelled mine")
    page.go_back()
    expect(page.locator(".gate-row[data-chosen=true]")).to_contain_text("half")
    assert watch.clean, watch
