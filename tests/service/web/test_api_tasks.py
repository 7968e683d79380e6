"""Another model's answers, asked for over HTTP: begun, followed, cancelled, and gone with the service."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import numpy as np
import pytest
from browsing import needs_chromium, opened, plotted
from playwright.sync_api import Page, expect
from served import World, service_on
from stored_run import make_run
from tiny_bundle import tiny_bundle

from service.audit import AUDIT_LOG
from service.errors import RunFolderError, RunStateError
from service.maps.placed_map import PlacedMap, UmapAbout
from service.maps.shelf import UMAP_PARQUET
from service.runs.control import RUNS
from service.tasks.board import Tasks
from service.tasks.child import work
from service.tasks.status import TaskKind, TaskState, TaskStatus
from service.tokens import Scope, TokenFile


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("tasks") / "data"
    run = make_run(data)
    with service_on(data, run) as world:
        yield world


@needs_chromium
def test_a_result_set_is_made_from_the_page_and_shown(page: Page, service: World) -> None:
    base, run = f"/api/v1/runs/{service.run.id}", service.run
    # A model that a run of this service used is offered, beside the shipped ones.
    make_run(service.data, "20250101T120000000Z-abcdef", tiny_bundle("better"))
    watch = opened(page, service, f"#/runs/{run.id}")
    answers = page.get_by_role("region", name="Who answered for run A")
    expect(answers.get_by_role("list")).to_contain_text("tiny, as it flowed")
    answers.get_by_label("Model").select_option(label=f"better · {tiny_bundle('better').digest[:6]}")
    answers.get_by_role("button", name="Answer again").click()
    expect(answers.get_by_role("button", name="Cancel")).to_be_visible()
    busy = service.client.post(f"{base}/results", json={"name": "third"})
    assert busy.status_code == 409 and "already" in busy.json()["detail"]
    expect(answers.get_by_role("list")).to_contain_text("· better")
    (task,) = service.client.get("/api/v1/tasks").json()["tasks"]
    assert (task["state"], task["done"], task["error"]) == ("done", task["total"], None)
    assert task["total"] == run.ledger.detected
    (made,) = (one for one in service.client.get(f"{base}/results").json()["results"] if one["name"] == task["results"])
    assert (made["bundle"], made["state"]) == ("better", "done")
    # The header offers it, too, and asked for again there is nothing to be done.
    expect(page.get_by_label("Answers")).to_contain_text("better")
    answers.get_by_role("button", name="Answer again").click()
    expect(answers.get_by_role("alert")).to_contain_text("complete already")
    assert f"results '{task['results']}' by better" in (service.data / AUDIT_LOG).read_text()
    watch.failed = [address for address in watch.failed if not address.endswith("/results")]
    watch.errors = [said for said in watch.errors if "409" not in said]
    assert watch.clean, watch


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"bundle": "/etc/passwd"}, "allow-source"),
        ({"name": "../up"}, "cannot be called"),
        ({"missing": True}, "cannot stand beside"),
        ({"bundle": "stretch-wbc"}, "instrument"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(service: World, body: dict, said: str) -> None:
    known = service.client.get("/api/v1/tasks").json()
    refused = service.client.post(f"/api/v1/runs/{service.run.id}/results", json=body)
    assert refused.status_code in (409, 422) and said in refused.json()["detail"], refused.text
    assert service.client.get("/api/v1/tasks").json() == known


def test_who_may_only_look_starts_nothing(service: World) -> None:
    token = TokenFile(service.data).create("looker", frozenset({Scope.READ}), None)
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/v1/runs/{service.run.id}/results"
    assert service.stranger.post(path, json={}, headers=headers).status_code == 403
    assert service.stranger.get("/api/v1/tasks", headers=headers).status_code == 200


def waiting(tasks: Tasks) -> TaskStatus:
    """Begin a process that would go on for as long as the service holds its stdin open."""
    return tasks.begin(TaskKind.RESULTS, "a run", "a set", "events", "timeit", ["-n1", "-r1", "input()"])


def test_a_task_is_cancelled_and_ends_with_the_service() -> None:
    tasks = Tasks()
    first = waiting(tasks)
    with pytest.raises(RunStateError, match="running already"):
        waiting(tasks)
    assert tasks.cancel(first.id).state is TaskState.CANCELLED
    with pytest.raises(RunStateError, match="cancelled"):
        tasks.cancel(first.id)
    second = waiting(tasks)
    tasks.close()
    assert [one.state for one in tasks.all()] == [TaskState.CANCELLED] * 2
    assert tasks.status(second.id).id == second.id
    with pytest.raises(RunStateError, match="closed"):
        waiting(tasks)


def test_a_process_that_fails_says_why(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RunFolderError("The run is damaged.")

    monkeypatch.setattr("os.nice", lambda by: by, raising=False)
    monkeypatch.setattr("service.tasks.child._end_with_the_service", lambda: None)
    assert work(fail) == 2
    said = capsys.readouterr().out.strip()
    tasks = Tasks()
    task = tasks.begin(
        TaskKind.RESULTS, "a", "b", "events", "timeit", ["-n1", "-r1", f"print({said!r}); raise SystemExit(2)"]
    )
    while (told := tasks.status(task.id)).state is TaskState.RUNNING:
        time.sleep(0.01)
    assert (told.state, told.error) == (TaskState.FAILED, "The run is damaged.")


@needs_chromium
def test_a_umap_is_asked_for_cancelled_and_plotted_where_it_is_there(page: Page, service: World) -> None:
    run = service.run
    watch = opened(page, service, f"#/explore/{run.id}")
    plotted(page, run.ledger.stored)
    page.get_by_role("button", name="UMAP").click()
    expect(page.locator(".umap")).to_contain_text("Being prepared")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".umap")).to_contain_text("Cancelled")
    (task, *_) = service.client.get("/api/v1/tasks").json()["tasks"]
    assert (task["kind"], task["results"], task["state"]) == ("umap", "live", "cancelled")
    ids = [row["event_id"] for row in service.client.get(service.cells, params={"limit": 500}).json()["rows"]]
    events = np.array(ids[1:], np.uint64)
    about = UmapAbout(
        of=("embedding_0",), cells=len(events), fitted=16, neighbours=15, distance=0.1, seed=7, software=""
    )
    places = np.stack([events, -events.astype(float)], axis=1).astype(np.float32)
    PlacedMap(service.data / RUNS / run.id / UMAP_PARQUET, about, events, places).write()
    page.reload()
    page.get_by_role("button", name="UMAP").click()
    expect(page).to_have_url(re.compile("x=umap1&y=umap2"))
    plotted(page, run.ledger.stored)
    expect(page.get_by_label("Column along y")).to_have_value("umap2")
    maps = service.client.get(f"/api/v1/runs/{run.id}/maps").json()["maps"]
    assert [one["kind"] for one in maps] == ["pca", "umap"] and maps[1]["cells"] == len(events)
    again = service.client.post(f"/api/v1/runs/{run.id}/maps", json={"kind": "umap"})
    assert again.status_code == 409 and "already" in again.json()["detail"]
    assert watch.clean, watch
