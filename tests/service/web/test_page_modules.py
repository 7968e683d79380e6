"""What the page reckons itself agrees with the service: scales, gates, NumPy files, turned volumes."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from browsing import Watch, needs_chromium
from playwright.sync_api import Page
from served import World

from service.gates.scales import Asinh, Log

pytestmark = needs_chromium


@pytest.fixture
def modules(page: Page, world: World) -> Page:
    """A page that has nothing but the modules."""
    page.goto(world.url + "/static/icon.svg")
    return page


def test_places_on_scales_are_those_that_the_service_gates_on(modules: Page) -> None:
    values = [-3000.0, -1.0, 0.5, 1.0, 42.0, 262144.0]
    found = modules.evaluate(
        """async (values) => {
          const { SCALES } = await import('/static/core/scales.js');
          const { log, asinh } = SCALES;
          return values.map((value) => [log.of(value), asinh.of(value), asinh.back(asinh.of(value))]);
        }""",
        values,
    )
    for value, (log, asinh, back) in zip(values, found, strict=True):
        np.testing.assert_allclose(log, Log(kind="log").of(value), rtol=1e-12)
        np.testing.assert_allclose([asinh, back], [Asinh(kind="asinh").of(value), value], rtol=1e-9)


@pytest.mark.parametrize(
    "region",
    [
        {
            "kind": "rectangle",
            "sides": [{"column": "a", "low": 1.0, "high": 2.0}, {"column": "b", "low": None, "high": 7.0}],
        },
        {"kind": "polygon", "x": {"column": "a"}, "y": {"column": "b"}, "vertices": [[0, 0], [4, 1], [2, 5]]},
        {
            "kind": "ellipse",
            "over": [{"column": "a"}, {"column": "b"}],
            "centre": [3.0, -2.0],
            "covariance": [[4.0, 1.5], [1.5, 2.0]],
            "distance_squared": 1,
        },
    ],
)
def test_a_gate_that_is_drawn_and_not_changed_stays_the_same(modules: Page, region: dict[str, Any]) -> None:
    found = modules.evaluate(
        """async (region) => {
          const { regionOf, shapeOf } = await import('/static/parts/gate_shapes.js');
          const axes = { x: { column: 'a', scale: 'linear' }, y: { column: 'b', scale: 'linear' } };
          const other = { ...axes, x: { column: 'a', scale: 'log' } };
          return [regionOf(shapeOf(region, axes), axes), shapeOf(region, other)];
        }""",
        region,
    )

    def plain(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: plain(value) for name, value in part.items() if name != "scale"}
        if isinstance(part, list):
            return [plain(value) for value in part]
        return round(part, 9) if isinstance(part, float) else part

    # On an axis of another scale it is another gate, which cannot be shown.
    assert plain(found[0]) == plain(region)
    assert found[1] is None


@pytest.mark.parametrize("kind", ["<f4", "<i2", "|i1"])
def test_numpy_files_are_read_as_they_were_written(modules: Page, kind: str) -> None:
    array = np.arange(-6, 18).reshape(2, 3, 4).astype(kind)
    file = io.BytesIO()
    np.save(file, array)
    found = modules.evaluate(
        """async (text) => {
          const { readNpy } = await import('/static/core/npy.js');
          const { data, shape } = readNpy(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
          return [[...data], shape];
        }""",
        base64.b64encode(file.getvalue()).decode(),
    )
    assert found == [array.ravel().tolist(), [2, 3, 4]]


def test_what_needs_attention_is_said_and_nothing_else(modules: Page, world: World) -> None:
    well = world.client.get("/api/v1/status").json()
    ill = {
        **well,
        "error": "The digitizer is gone.",
        "disk": {
            "free_bytes": 7.3e9,
            "written_bytes_per_s": 3.5e6,
            "warn_below_bytes": 8e9,
            "refuse_below_bytes": 1e9,
            "warning": True,
        },
        "sink": {
            "address": "lab",
            "connected": False,
            "error": "It does not answer.",
            "behind_rows": 1,
            "copied_rows": 0,
        },
        "workers_replaced": 1,
        "sort": {"missed": 12},
        "sequence": {"name": "morning", "state": "failed", "error": "The digitizer is gone."},
    }
    calm = {**well, "disk": None}
    found = modules.evaluate(
        """async (statuses) => {
          const { concernsOf } = await import('/static/parts/concerns.js');
          return statuses.map(concernsOf);
        }""",
        [calm, ill],
    )
    assert found == [
        [],
        [
            "The digitizer is gone.",
            "7.3 GB of the disk are free, which last for 30 minutes at this rate.",
            "Rows are not copied to lab: It does not answer. 1 row behind; nothing is lost.",
            "1 worker process died and was replaced.",
            "Slow subscribers missed 12 sort decisions.",
            "The sequence morning ended early: The digitizer is gone.",
        ],
    ]


def test_links_stay_with_the_result_set_of_the_run_that_is_looked_at(modules: Page) -> None:
    found = modules.evaluate(
        """async () => {
          const { linkTo } = await import('/static/core/router.js');
          const { address, lookAt, setOf } = await import('/static/core/api.js');
          window.location.hash = '#/explore/one?results=other';
          lookAt('one', 'other');
          const base = '/api/v1/runs';
          return [linkTo('cell', ['one', 7]), linkTo('cell', ['two', 7]), linkTo('live', ['one']),
            linkTo('runs', ['one'], { results: null }), address(`${base}/one/cells`, { limit: 3 }),
            address(`${base}/one/cells`, { results: 'live' }), address(`${base}/two/cells`),
            setOf('two')];
        }"""
    )
    assert found == [
        "#/cell/one/7?results=other",
        "#/cell/two/7",
        "#/live/one",
        "#/runs/one",
        "/api/v1/runs/one/cells?results=other&limit=3",
        "/api/v1/runs/one/cells?results=live",
        "/api/v1/runs/two/cells",
        None,
    ]


def test_a_turned_volume_keeps_its_right_angles_and_its_hand(modules: Page) -> None:
    found = modules.evaluate(
        """async () => {
          const { turned } = await import('/static/parts/turning.js');
          return [turned(0, 0), turned(0.7, -0.4)];
        }"""
    )
    # Right is the flow, up the scan, and towards the eye the pinholes.
    np.testing.assert_allclose(found[0], [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-12)
    for turn in map(np.array, found):
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(turn), 1.0)


def test_points_that_are_drawn_as_they_come_look_as_if_drawn_at_once(modules: Page) -> None:
    same, inked = modules.evaluate(
        """async () => {
          const { PointLayer } = await import('/static/parts/point_layer.js');
          const { Points } = await import('/static/parts/points.js');
          const frame = { left: 10, top: 10, right: 190, bottom: 90 };
          const place = { x: (value) => value, y: (value) => value };
          const blank = () => {
            const context = new OffscreenCanvas(200, 100).getContext('2d', { willReadFrequently: true });
            context.fillRect(0, 0, 200, 100);
            return context;
          };
          const pixels = (context) => [...context.getImageData(0, 0, 200, 100).data];
          const [pieces, whole] = [new PointLayer(), new PointLayer()];
          const points = new Points();
          const [by, at] = [blank(), blank()];
          for (let k = 0; k < 3000; k += 1) {
            points.add(200 * Math.sin(k) ** 2, 100 * Math.cos(3 * k) ** 2, k % 9, k);
            if (k % 700 === 0) while (!pieces.draw(by, points, place, frame, 'a'));
          }
          while (!pieces.draw(by, points, place, frame, 'a'));
          while (!whole.draw(at, points, place, frame, 'a'));
          const [one, other] = [pixels(by), pixels(at)];
          return [one.every((value, k) => value === other[k]), one.filter((value, k) => k % 4 < 3 && value > 0).length];
        }"""
    )
    assert same
    assert inked > 3000


def test_a_density_has_the_colours_of_its_groups_by_their_shares(modules: Page) -> None:
    pixels = modules.evaluate(
        """async () => {
          const { densityImage } = await import('/static/parts/density_image.js');
          const layers = [{ group: 0, counts: [[4, 0], [2, 0]] }, { group: 1, counts: [[0, 4], [2, 0]] }];
          const image = densityImage(layers, 'rgb(255, 255, 255)');
          return [...image.getContext('2d').getImageData(0, 0, 2, 2).data];
        }"""
    )
    # Rows go up along y; blue and orange are the colours of the first two groups, and an empty bin shows the paper.
    (mixed, empty), (first, second) = np.reshape(pixels, (2, 2, 4))
    np.testing.assert_array_equal(first, [0x00, 0x72, 0xB2, 255])
    np.testing.assert_array_equal(second, [0xE6, 0x9F, 0x00, 255])
    np.testing.assert_allclose(mixed[:3], (first[:3] + second[:3]) / 2, atol=1)
    assert empty[3] == 0


def test_pictures_that_went_are_not_loaded_any_more(modules: Page, world: World) -> None:
    modules.route("**/image.png*", lambda route: route.abort())
    modules.route("**/empty", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><p></p>"))
    modules.goto(world.url + "/empty")
    loading = modules.evaluate(
        """async (run) => {
          const { Tiles } = await import('/static/parts/tiles.js');
          const tiles = new Tiles('cells', () => {});
          const rows = (first) => [0, 1, 2].map((k) => ({ event_id: first + k, cluster: 0 }));
          tiles.show(run, rows(1), 0.5);
          const images = [...tiles.element.querySelectorAll('img')];
          tiles.show(run, rows(3), 0.5);
          return images.map((image) => image.hasAttribute('src'));
        }""",
        world.run.id,
    )
    assert loading == [False, False, True]


def test_a_listener_that_stops_while_its_socket_opens_is_quiet(modules: Page) -> None:
    watch = Watch()
    watch.follow(modules)
    with modules.expect_websocket() as opened:
        modules.evaluate(
            """async () => {
              const { listen } = await import('/static/core/socket.js');
              listen(() => '/api/v1/status/live', { take: () => {} })();
            }"""
        )
    if not opened.value.is_closed():
        opened.value.wait_for_event("close")
    assert not [said for said in watch.errors if "WebSocket" in said]
