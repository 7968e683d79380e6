"""One cell over HTTP: pictures that decode, numbers that are the stored ones, evidence for what the model said."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from served import World

from service.runs.control import RUNS
from service.store.run_folder import RunFolder


def array(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def test_a_cell_links_to_everything_that_is_known_of_it(world: World) -> None:
    cell = world.client.get(f"{world.cells}/{world.first_cell()}").json()
    assert {channel["name"]: channel["kind"] for channel in cell["channels"]} == {
        "transmission": "image",
        "side_scatter_flat": "image",
        "side_scatter": "volume",
    }
    links = [cell["answers"], cell["window"], cell["saliency"]["png"], cell["saliency"]["npy"]]
    links += [channel[kind] for channel in cell["channels"] for kind in ("png", "npy")]
    for link in links:
        assert world.client.get(link).status_code == 200, link


def test_numbers_are_the_stored_ones(world: World) -> None:
    event_id = world.first_cell()
    folder = RunFolder.open(world.data / RUNS / world.run.id)
    try:
        image, event = folder.image(event_id, "transmission"), folder.event(event_id)
    finally:
        folder.close()
    base = f"{world.cells}/{event_id}"
    assert np.array_equal(array(world.client.get(f"{base}/channels/transmission.npy").content), image)
    assert np.array_equal(array(world.client.get(f"{base}/window.npy").content), event.window)
    volume = array(world.client.get(f"{base}/channels/side_scatter.npy").content)
    assert volume.shape == (80, 80, 80) and volume.dtype == np.float32


@pytest.mark.parametrize(
    "path",
    [
        "image.png",
        "channels/transmission.png?low=0.5&high=1.5",
        "channels/side_scatter.png",
        "channels/side_scatter.png?projection=max&axis=z",
        "channels/side_scatter.png?z=40",
    ],
)
def test_pictures_are_grey_and_as_large_as_the_field(world: World, path: str) -> None:
    answer = world.client.get(f"{world.cells}/{world.first_cell()}/{path}")
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (80, 80) and picture.mode == "L"


def test_a_projection_shows_the_maximum_along_its_axis(world: World) -> None:
    base = f"{world.cells}/{world.first_cell()}"
    volume = array(world.client.get(f"{base}/channels/side_scatter.npy").content)
    limits = {"low": 0.0, "high": float(volume.max())}
    for axis, name in enumerate("zyx"):
        png = world.client.get(f"{base}/channels/side_scatter.png", params={**limits, "axis": name}).content
        shown = np.asarray(Image.open(io.BytesIO(png)), dtype=float) / 255 * limits["high"]
        assert np.abs(shown - np.clip(volume.max(axis=axis), 0, None)).max() <= limits["high"] / 255


def test_saliency_is_a_heat_map_over_the_cell_that_opacity_takes_away(world: World) -> None:
    base = f"{world.cells}/{world.first_cell()}"
    picture = Image.open(io.BytesIO(world.client.get(f"{base}/saliency.png").content))
    assert picture.size == (80, 80) and picture.mode == "RGB"
    colours = np.asarray(picture, dtype=int)
    assert np.abs(colours[..., 0] - colours[..., 2]).max() > 30
    jet = world.client.get(f"{base}/saliency.png", params={"colours": "jet"})
    assert jet.status_code == 200 and not np.array_equal(np.asarray(Image.open(io.BytesIO(jet.content))), colours)
    assert world.client.get(f"{base}/saliency.png", params={"colours": "plaid"}).status_code == 422
    plain = world.client.get(f"{base}/saliency.png", params={"opacity": 0}).content
    grey = np.asarray(Image.open(io.BytesIO(plain)), dtype=int)
    assert np.abs(grey[..., 0] - grey[..., 2]).max() == 0
    first, second = (
        array(world.client.get(f"{base}/saliency.npy", params={"target": target}).content) for target in (0, 1)
    )
    assert first.shape == (5, 5) and not np.array_equal(first, second)
    about = world.client.get(f"{base}/saliency").json()
    row = world.client.get(base).json()["row"]
    assert (about["name"], about["method"], about["empty"]) == (row["class"], "grad_cam", False)


def test_covering_a_cell_shows_what_its_answer_hangs_on(world: World) -> None:
    base, covering = f"{world.cells}/{world.first_cell()}", {"by": "covering"}
    lost = array(world.client.get(f"{base}/saliency.npy", params=covering).content)
    assert lost.shape == (80, 80) and lost.dtype == np.float32 and 0 <= lost.min() < lost.max() <= 1
    about = world.client.get(f"{base}/saliency", params=covering).json()
    likely = world.client.get(f"{base}/saliency").json()
    assert (about["method"], about["layer"]) == ("reverse_probability", "image")
    assert (about["target"], about["name"], about["empty"]) == (likely["target"], likely["name"], False)
    picture = world.client.get(f"{base}/saliency.png", params=covering).content
    assert picture != world.client.get(f"{base}/saliency.png").content
    cluster = world.client.get(f"{base}/saliency", params={**covering, "cluster": 1}).json()
    assert (cluster["of"], cluster["target"]) == ("cluster", 1)
    beyond = world.client.get(f"{base}/saliency", params={**covering, "target": 2})
    assert beyond.status_code == 422 and "no such target" in beyond.json()["detail"]


def test_emptying_patches_of_a_cell_says_what_each_is_worth(world: World) -> None:
    base, occlusion = f"{world.cells}/{world.first_cell()}", {"by": "occlusion"}
    lost = array(world.client.get(f"{base}/saliency.npy", params=occlusion).content)
    assert lost.shape == (8, 8) and lost.dtype == np.float32 and lost.min() >= 0
    about, likely = (world.client.get(f"{base}/saliency", params=by).json() for by in (occlusion, {}))
    assert (about["method"], about["layer"], about["target"]) == ("occlusion", "image", likely["target"])
    assert about["empty"] is (not lost.any())


def test_the_full_answer_sums_to_one_and_agrees_with_the_row(world: World) -> None:
    event_id = world.first_cell()
    row = world.client.get(f"{world.cells}/{event_id}").json()["row"]
    answers = world.client.get(f"{world.cells}/{event_id}/answers").json()
    assert sum(answers["cluster_posterior"]) == pytest.approx(1, abs=1e-5)
    assert answers["cluster_posterior"][row["cluster"]] == pytest.approx(row["cluster_posterior"])
    assert answers["classes"][int(np.argmax(answers["class_probability"]))] == row["class"]
    assert answers["targets"] == answers["classes"]
    assert len(answers["embedding"]) == 2


def test_a_rejected_event_can_be_looked_at_but_was_never_answered_for(world: World) -> None:
    rejected = world.client.get(f"/api/v1/runs/{world.run.id}/rejected").json()["rows"][0]
    base = f"{world.cells}/{rejected['event_id']}"
    assert world.client.get(base).json()["row"]["rejection"] == rejected["rejection"]
    assert world.client.get(f"{base}/image.png").status_code == 200
    answer = world.client.get(f"{base}/answers")
    assert answer.status_code == 404 and rejected["rejection"] in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("channels/fluorescence.png", 404),
        ("channels/transmission.png?z=3", 422),
        ("channels/side_scatter.png?z=80", 422),
        ("channels/side_scatter.png?projection=w", 422),
        ("image.png?low=2&high=1", 422),
        ("image.png?low=nan", 422),
        ("saliency.png?target=2", 422),
        ("saliency.png?target=-2", 422),
        ("saliency.png?cluster=0", 422),
        ("saliency.png?target=0&cluster=0", 422),
        ("saliency.png?opacity=2", 422),
        ("channels/fluorescence.npy", 404),
        ("channels/..%2f..%2frun.json", 404),
    ],
)
def test_a_picture_that_cannot_be_is_one_sentence(world: World, path: str, status: int) -> None:
    answer = world.client.get(f"{world.cells}/{world.first_cell()}/{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_never_changes_is_sent_once(world: World) -> None:
    link = f"{world.cells}/{world.first_cell()}/image.png"
    first = world.client.get(link)
    tag = first.headers["etag"]
    assert "immutable" in first.headers["cache-control"] and "private" in first.headers["cache-control"]
    again = world.client.get(link, headers={"If-None-Match": tag})
    assert again.status_code == 304 and not again.content
    assert world.client.get(link, params={"low": 0.5}).headers["etag"] != tag
    assert world.stranger.get(link, headers={"If-None-Match": tag}).status_code == 401
