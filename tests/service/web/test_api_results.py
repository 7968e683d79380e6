"""Result sets over HTTP: every question that can be asked about a run's own answers can be asked about another's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from browsing import needs_chromium, opened, plotted
from click.testing import CliRunner
from playwright.sync_api import Page, expect
from served import World, service_on
from stored_run import make_run
from test_live_cells import event_ids, stored, until_closed, watching
from tiny_bundle import tiny_bundle

from inference.bundle import Bundle
from reconstruction.transform import transform_for
from service.cli import main
from service.result_set import ResultSet
from service.runs.control import RUNS
from service.store.run_files import read_run

OTHER = {"results": "other"}


@pytest.fixture(scope="module")
def reprocessed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A run with two more sets: of its own model, on stored images and on windows."""
    data = tmp_path_factory.mktemp("results") / "data"
    run = make_run(data)
    path = data / RUNS / run.id
    tiny_bundle("better").save(data / "better.bundle")
    for name, images in (("anew", "an image"), ("other", transform_for(run.instrument).parameters)):
        changed = read_run(path).model_copy(update={"pipeline": f"detect|{images}|tiny"})
        (path / "run.json").write_text(changed.model_dump_json())
        done = CliRunner().invoke(
            main, ["reprocess", str(path), "--bundle", str(data / "better.bundle"), "--name", name]
        )
        assert done.exit_code == 0, done.output
    with service_on(data, run) as world:
        yield world


def test_answers_made_again_are_the_ones_of_the_run(reprocessed: World) -> None:
    path = reprocessed.data / RUNS / reprocessed.run.id
    live = pq.read_table(path / "cells")
    answers = live.column_names.index("cluster")
    for name in ("other", "anew"):
        made = pq.read_table(path / "results" / name / "cells")
        assert made.select(live.column_names[:answers]).equals(live.select(live.column_names[:answers])), name
        for column in ("embedding_0", "embedding_1", "novelty", "class_probability"):
            np.testing.assert_allclose(made.column(column), live.column(column), atol=1e-5)
        assert pq.read_table(path / "results" / name / "rejected").equals(pq.read_table(path / "rejected"))
    assert Bundle.load(path / "results" / "other" / "model.bundle").contract.name == "better"


def test_sets_are_listed_and_every_reading_route_takes_one(reprocessed: World) -> None:
    base, client = f"/api/v1/runs/{reprocessed.run.id}", reprocessed.client
    sets = {one["name"]: one for one in client.get(f"{base}/results").json()["results"]}
    assert list(sets) == ["live", "anew", "other"]
    assert (sets["live"]["bundle"], sets["other"]["bundle"], sets["other"]["state"]) == ("tiny", "better", "done")
    assert sets["other"]["taken_over"] == sum(sets["other"]["ledger"]["rejected"].values())
    assert sets["other"]["stored_images"] and not sets["anew"]["stored_images"]
    cell = reprocessed.first_cell()
    for route in (
        "bundle",
        "columns",
        "cells",
        "rejected",
        "histogram?column=area_um2",
        "density?x=area_um2&y=novelty",
        "density.npy?x=area_um2&y=novelty",
        "timeline",
        "suggestions",
        "gates?counts=true",
        "export?format=csv",
        f"cells/{cell}",
        f"cells/{cell}/answers",
        f"cells/{cell}/neighbours",
        f"cells/{cell}/image.png",
        f"cells/{cell}/channels/side_scatter.npy",
        f"cells/{cell}/saliency",
        f"cells/{cell}/saliency.png",
        f"cells/{cell}/saliency.npy",
    ):
        answer = client.get(
            f"{base}/{route}", params={**dict(client.build_request("GET", f"/{route}").url.params), **OTHER}
        )
        assert answer.status_code == 200, (route, answer.text)
    assert client.get(f"{base}/bundle", params=OTHER).json()["name"] == "better"
    unknown = client.get(f"{base}/cells", params={"results": "nothing"})
    assert unknown.status_code == 404 and "list its results" in unknown.text


def test_gates_and_labels_are_those_of_the_run(reprocessed: World) -> None:
    base, client = f"/api/v1/runs/{reprocessed.run.id}", reprocessed.client
    region = {"kind": "rectangle", "sides": [{"column": "area_um2", "low": 60}]}
    assert client.put(f"{base}/gates/large", json={"region": region}).status_code == 200
    live = client.get(f"{base}/gates", params={"counts": True}).json()["gates"][0]["cells"]
    other = client.get(f"{base}/gates", params={"counts": True, **OTHER}).json()["gates"][0]["cells"]
    assert live == other > 0
    labelled = client.post(f"{base}/labels", params=OTHER, json={"label": "big", "where": "gate = 'large'"})
    assert labelled.json()["counts"] == {"big": live}
    assert client.get(f"{base}/cells", params={"where": "label = 'big'"}).json()["total"] == live


def test_images_of_a_set_are_the_ones_that_its_model_saw(reprocessed: World) -> None:
    cell, client = f"{reprocessed.cells}/{reprocessed.first_cell()}", reprocessed.client
    seen = [
        np.load(io.BytesIO(client.get(f"{cell}/channels/transmission.npy", params={"results": name}).content))
        for name in ("live", "other", "anew")
    ]
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


def test_a_set_made_again_under_its_name_is_not_shown_from_a_cache(reprocessed: World) -> None:
    cell, client = f"{reprocessed.cells}/{reprocessed.first_cell()}", reprocessed.client
    links = [cell, reprocessed.cells, f"{cell}/image.png", f"{cell}/channels/transmission.npy", f"{cell}/saliency.png"]
    before = [client.get(link, params=OTHER).headers for link in links]
    assert all("no-cache" in headers["cache-control"] for headers in before)
    assert "immutable" in client.get(links[2]).headers["cache-control"]
    known = [{"If-None-Match": headers["etag"]} for headers in before]
    told = zip(links, known, strict=True)
    assert {client.get(link, params=OTHER, headers=tag).status_code for link, tag in told} == {304}
    file = reprocessed.data / RUNS / reprocessed.run.id / "results" / "other" / "result.json"
    about = ResultSet.model_validate_json(file.read_bytes())
    file.write_text(about.model_copy(update={"started_at": "2030-01-01T00:00:00Z"}).model_dump_json())
    told = zip(links, known, strict=True)
    assert {client.get(link, params=OTHER, headers=tag).status_code for link, tag in told} == {200}


def test_an_export_says_whose_answers_it_has(reprocessed: World, tmp_path: Path) -> None:
    path = reprocessed.data / RUNS / reprocessed.run.id
    out = tmp_path / "other.parquet"
    words = ["export", str(path), "--format", "parquet", "--results", "other", "--out", str(out)]
    assert CliRunner().invoke(main, words).exit_code == 0
    about = {
        key.decode(): value.decode() for key, value in pq.read_schema(out).metadata.items() if key != b"ARROW:schema"
    }
    assert "better" in str(about) and "other" in str(about)
    assert CliRunner().invoke(main, [*words[:5], "nothing"]).exit_code != 0


def test_cells_of_a_set_are_sent_as_those_of_the_run_are(reprocessed: World) -> None:
    path = f"/api/v1/runs/{reprocessed.run.id}/live?fields=novelty&results="
    with watching(reprocessed, f"{path}other") as other, watching(reprocessed, f"{path}nothing") as nothing:
        messages, code = until_closed(other)
        assert until_closed(nothing)[1] == 4404
    assert event_ids(messages) == stored(reprocessed, reprocessed.run.id)
    assert (messages[-1]["type"], code) == ("end", 1000)


@needs_chromium
def test_the_page_shows_the_answers_of_the_set_that_is_chosen(page: Page, reprocessed: World) -> None:
    run = reprocessed.run.id
    watch = opened(page, reprocessed, f"#/cell/{run}/{reprocessed.first_cell()}")
    with page.expect_response(lambda answer: "/answers?results=other" in answer.url and answer.ok):
        page.get_by_label("Answers").select_option("other")
    expect(page.locator("#evidence")).to_contain_text("speaks for")
    expect(page.locator("#answers, .answers")).to_be_visible()
    # It goes along to the other views, into what is plotted, and into files.
    page.get_by_role("link", name="Explore").click()
    plotted(page, reprocessed.run.ledger.stored)
    assert "results=other" in page.url
    page.get_by_role("link", name="Models").click()
    expect(page.locator(".models")).to_contain_text("better ·")
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator(".compare-head")).to_contain_text("better (other)")
    page.get_by_label("B as answered by").select_option("anew")
    expect(page.locator(".compare-head")).to_contain_text("B: simulated sheet-ci, better (anew)")
    with page.expect_request(lambda request: "export?results=other" in request.url), page.expect_download():
        page.get_by_role("button", name="Export").click()
    assert watch.clean, watch
