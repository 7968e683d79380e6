"""What HTTP promises: the form that was asked for, nothing sent twice, and headers for who wants only those."""

from __future__ import annotations

import io
import socket

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from fastapi import HTTPException
from PIL import Image
from served import World

from service.api.negotiation import preferred
from service.api.server import listen
from service.api.table_page import TableForm
from service.store.questions.cell_query import MOST_ROWS

OFFERS = {"json": "application/json", "csv": "text/csv; charset=utf-8", "png": "image/png"}


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        ("application/json;q=0.5, text/csv;q=0.9", "csv"),
        ("text/*, application/json;q=0.9", "csv"),
        ("image/*;q=0.1, application/json;q=0", "png"),
        ("application/json;q=oops, image/png;q=0.2", "png"),
    ],
)
def test_the_form_is_what_the_caller_likes_best(accept: str | None, form: str) -> None:
    assert preferred(accept, OFFERS) == form


@pytest.mark.parametrize("accept", ["video/mp4", "application/json;q=0", "nonsense", "image/png;q=nan"])
def test_who_takes_none_of_the_forms_is_told_which_there_are(accept: str) -> None:
    with pytest.raises(HTTPException) as refused:
        preferred(accept, OFFERS)
    assert refused.value.status_code == 406 and "text/csv" in refused.value.detail


def table(answer: httpx.Response, form: TableForm) -> pa.Table:
    if form is TableForm.ARROW:
        return pa.ipc.open_stream(answer.content).read_all()
    return (
        pq.read_table(io.BytesIO(answer.content))
        if form is TableForm.PARQUET
        else pcsv.read_csv(io.BytesIO(answer.content))
    )


@pytest.mark.parametrize(
    ("form", "accept"),
    [
        (TableForm.CSV, "text/csv"),
        (TableForm.PARQUET, "application/vnd.apache.parquet"),
        (TableForm.ARROW, "application/vnd.apache.arrow.stream"),
    ],
)
def test_a_page_is_the_same_in_every_form(world: World, form: TableForm, accept: str) -> None:
    asked = {"fields": "event_id,area_um2,speed_error_m_s,class", "limit": 7, "order": "-area_um2"}
    rows = world.client.get(world.cells, params=asked).json()
    by_name = world.client.get(world.cells, params={**asked, "format": form.value})
    by_header = world.client.get(world.cells, params=asked, headers={"Accept": accept})
    assert by_name.content == by_header.content
    assert by_name.headers["content-type"].startswith(accept) and "Accept" in by_name.headers["vary"]
    found = table(by_name, form).to_pylist()
    assert [row["event_id"] for row in found] == [row["event_id"] for row in rows["rows"]]
    assert [row["class"] for row in found] == [row["class"] for row in rows["rows"]]
    assert [row["area_um2"] for row in found] == pytest.approx([row["area_um2"] for row in rows["rows"]])
    assert int(by_name.headers["Lightline-Total"]) == rows["total"]
    assert int(by_name.headers["Lightline-Next"]) == rows["next"]
    onwards = by_name.headers["link"].partition(">")[0].removeprefix("<")
    assert table(world.client.get(onwards), form).to_pylist()[0]["event_id"] not in {k["event_id"] for k in found}


def test_only_tables_have_lists_and_only_they_are_large(world: World) -> None:
    asked = {"fields": "cluster_posteriors", "limit": MOST_ROWS, "format": "arrow"}
    found = table(world.client.get(world.cells, params=asked), TableForm.ARROW)
    assert found.num_rows == world.run.ledger.stored
    assert sum(found["cluster_posteriors"][0].as_py()) == pytest.approx(1, abs=1e-5)
    refused = world.client.get(world.cells, params={"limit": MOST_ROWS})
    assert refused.status_code == 422 and "format=arrow" in refused.json()["detail"]
    csv = world.client.get(world.cells, params={**asked, "format": "csv"})
    assert csv.text.splitlines()[0].strip('"') == "event_id"


def test_images_come_as_picture_numpy_and_tiff(world: World) -> None:
    base = f"{world.cells}/{world.first_cell()}/channels"
    volume = np.load(io.BytesIO(world.client.get(f"{base}/side_scatter.npy").content))
    tiff = world.client.get(f"{base}/side_scatter", headers={"Accept": "image/tiff"})
    pages = Image.open(io.BytesIO(tiff.content))
    assert (tiff.headers["content-type"], pages.n_frames, pages.mode) == ("image/tiff", len(volume), "F")
    pages.seek(11)
    assert np.array_equal(np.asarray(pages), volume[11])
    for query, plane in (("z=11", volume[11]), ("projection=mean&axis=z", volume.mean(axis=0))):
        flat = np.load(io.BytesIO(world.client.get(f"{base}/side_scatter?format=npy&{query}").content))
        assert np.allclose(flat, plane)
    assert Image.open(io.BytesIO(world.client.get(f"{base}/transmission.tiff").content)).size == (80, 80)
    assert world.client.get(f"{base}/transmission").headers["content-type"] == "image/png"


def test_contrast_is_what_was_asked_for(world: World) -> None:
    base = f"{world.cells}/{world.first_cell()}/channels/transmission"
    image = np.load(io.BytesIO(world.client.get(f"{base}.npy").content))

    def shown(query: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(world.client.get(f"{base}.png?{query}").content)), float) / 255

    middle = np.clip((image - 0.5) / 0.7, 0, 1)
    assert np.abs(shown("low=0.5&high=1.2") - middle).max() < 1 / 255
    assert np.abs(shown("low=0.5&high=1.2&gamma=2") - np.sqrt(middle)).max() < 1 / 255
    low, high = np.percentile(image, [10, 90])
    assert np.abs(shown("percentile=90") - np.clip((image - low) / (high - low), 0, 1)).max() < 1 / 255


@pytest.mark.parametrize(
    "path",
    [
        "channels/transmission.png?axis=z",
        "channels/side_scatter.png?z=3&axis=x",
        "channels/side_scatter.npy?gamma=2",
        "channels/transmission.png?percentile=99&low=1",
        "channels/transmission.png?gamma=0",
        "channels/transmission.gif",
        "channels/transmission?format=bmp",
        "channels/.png",
    ],
)
def test_an_image_that_cannot_be_is_refused(world: World, path: str) -> None:
    answer = world.client.get(f"{world.cells}/{world.first_cell()}/{path}")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


SAME = [
    "",
    "/bundle",
    "/columns",
    "/cells",
    "/cells?format=arrow",
    "/rejected",
    "/histogram?column=area_um2",
    "/density?x=area_um2&y=novelty",
    "/density.npy?x=area_um2&y=novelty",
    "/timeline",
    "/gates?counts=true",
    "/labels",
    "/suggestions",
    "/cells/CELL",
    "/cells/CELL/answers",
    "/cells/CELL/saliency",
    "/cells/CELL/neighbours",
    "/cells/CELL/window.npy",
    "/cells/CELL/channels/side_scatter.tiff",
]


@pytest.mark.parametrize("path", SAME)
def test_nothing_of_a_finished_run_is_sent_twice(world: World, path: str) -> None:
    link = f"/api/v1/runs/{world.run.id}{path}".replace("CELL", str(world.first_cell()))
    first = world.client.get(link)
    assert first.status_code == 200, first.text
    tag = first.headers["etag"]
    assert tag.startswith('"') and "private" in first.headers["cache-control"]
    for known in (tag, f'"other", W/{tag}'):
        again = world.client.get(link, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert world.client.get(link, headers={"If-None-Match": '"other"'}).status_code == 200
    assert world.stranger.get(link, headers={"If-None-Match": tag}).status_code == 401


def test_what_people_change_is_sent_again(world: World) -> None:
    gate, link = f"/api/v1/runs/{world.run.id}/gates/changing", f"{world.cells}?where=gate+%3D+'changing'"
    totals, tags = [], set()
    for least in (0, 1e9):
        side = {"column": "area_um2", "low": least}
        assert world.client.put(gate, json={"region": {"kind": "rectangle", "sides": [side]}}).status_code == 200
        answer = world.client.get(link, headers={"If-None-Match": ", ".join(tags)})
        totals.append(answer.json()["total"])
        tags.add(answer.headers["etag"])
    assert totals == [world.run.ledger.stored, 0] and len(tags) == 2
    assert world.client.delete(gate).status_code == 204


def test_small_answers_do_not_wait_for_the_reader_of_the_one_before() -> None:
    with listen("127.0.0.1", 0) as listener:
        # What asyncio asks of a socket before it turns off the wait for more to send.
        assert listener.proto == socket.IPPROTO_TCP


def test_head_is_get_without_its_body(world: World) -> None:
    for path in ("", "/cells", f"/cells/{world.first_cell()}/image.png", "/export?format=csv", "/export?format=fcs"):
        link = f"/api/v1/runs/{world.run.id}{path}"
        head, get = world.client.head(link), world.client.get(link)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "etag", "cache-control", "content-length"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    assert world.client.head("/api/v1/nothing").status_code == 404
    assert world.stranger.head(world.cells).status_code == 401
    assert world.client.head("/healthz").status_code == 200
    assert world.client.get("/api/v1/exports").json() == {"exports": []}
