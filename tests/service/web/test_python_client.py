"""What programs get through `service.client` is what the run has, and problems are the service's sentences."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from exporting import run_folder, stored
from served import World
from websockets.frames import Close

from acquisition.errors import ConfigError
from service.client import AsyncClient, Client, ClientError, following, tables
from service.client.ask import Ask
from service.client.following import Watch
from service.client.place import Place
from service.store.run_folder import RunFolder

DOCUMENT = Path(__file__).parents[3] / "docs" / "client.md"
OWNER = "owner-secret"


@pytest.fixture
def client(world: World):
    with Client(world.url, token=OWNER) as client:
        yield client


def test_the_page_about_the_client_runs_as_it_stands(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
    exec(compile(code, str(DOCUMENT), "exec"), {"url": world.url, "token": OWNER})
    said = capsys.readouterr().out
    assert f"{world.run.id} done {world.run.ledger.stored} cells" in said
    assert "(80, 80, 80) (80, 80)" in said and "422 " in said
    assert (tmp_path / "blood.fcs").read_bytes().startswith(b"FCS3.1")
    assert "bytes" in said and [path.name for path in tmp_path.iterdir()] == ["blood.fcs"]


def test_every_page_together_is_the_table(world: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PAGE_ROWS", 5)
    whole = stored(world)
    fields = ["area_um2", "class", "cluster_posteriors"]
    assert client.cells(world.run, fields=fields).equals(whole.select(["event_id", *fields]))
    assert len(list(client.pages(world.run))) == -(-whole.num_rows // 5)
    assert client.cells(world.run, "area_um2 > 1e9").num_rows == 0
    rejected = client.cells(world.run, rejected=True)
    assert rejected["rejection"].to_pylist() == stored(world, "rejected")["rejection"].to_pylist()
    with pytest.raises(ConfigError, match="not as 'csv'"):
        client.cells(world.run, form="csv")


def test_images_and_windows_are_the_stored_ones(world: World, client: Client) -> None:
    event = world.first_cell()
    folder = RunFolder.open(run_folder(world))
    try:
        assert np.array_equal(client.image(world.run, event, "transmission"), folder.image(event, "transmission"))
        assert np.array_equal(client.window(world.run.id, event), folder.event(event).window)
    finally:
        folder.close()
    assert client.cell(world.run, event).row["event_id"] == event


def test_the_asynchronous_client_gives_the_same(world: World, client: Client, tmp_path: Path) -> None:
    async def everything() -> tuple[object, ...]:
        async with AsyncClient(world.url, token=OWNER) as other:
            runs, cells = await other.runs(), await other.cells(world.run)
            image = await other.image(world.run, 1, "transmission")
            live = [row async for row in other.live(world.run)]
            path = await other.export(world.run, "csv", tmp_path)
            with pytest.raises(ClientError, match="nothing"):
                await other.cells(world.run, "nothing = 1")
            over = await other.wait(world.run)
            return runs, cells, image, live, path.name, over

    # In a thread of its own: where tests with a browser came before, this one has an event loop already.
    with ThreadPoolExecutor(1) as thread:
        runs, cells, image, live, name, over = thread.submit(lambda: asyncio.run(everything())).result()
    assert runs == client.runs() and over == client.wait(world.run)
    assert cells.equals(client.cells(world.run)) and np.array_equal(image, client.image(world.run, 1, "transmission"))
    assert live == list(client.live(world.run))
    assert [row["event_id"] for row in live] == cells["event_id"].to_pylist()
    assert (tmp_path / name).stat().st_size and name.endswith(".csv")


@pytest.fixture
def stranger(world: World):
    with Client(world.url, token="wrong") as client:
        yield client


@pytest.fixture
def nobody():
    with Client("http://127.0.0.1:9", token=OWNER) as client:
        yield client


def test_a_problem_is_one_exception_with_the_services_sentence(
    world: World, client: Client, stranger: Client, nobody: Client, tmp_path: Path
) -> None:
    for ask, status, words in (
        (lambda: client.run("20250101T000000000Z-abcdef"), 404, "no run"),
        (lambda: client.stop(world.run), 409, "acquiring"),
        (lambda: client.image(world.run, 1, "../run.json"), 404, "images|Not Found"),
        (lambda: list(client.live(world.run, where="nothing = 1")), 422, "nothing"),
        (lambda: client.export(world.run, "gif", tmp_path / "x"), 422, "format"),
        (stranger.status, 401, "token"),
        (nobody.status, 0, "not reached"),
        (lambda: client.export(world.run, "csv", tmp_path / "none" / "x"), 0, "cannot be written"),
    ):
        with pytest.raises(ClientError, match=words) as raised:
            ask()
        assert raised.value.status == status
    assert not list(tmp_path.iterdir())


def test_who_is_asked_and_with_which_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIGHTLINE_URL", "LIGHTLINE_TOKEN", "LIGHTLINE_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClientError, match="LIGHTLINE_TOKEN"):
        Place.find(None, None, None)
    (tmp_path / "token-read").write_text("reader\n")
    assert Place.find(None, None, tmp_path) == Place("http://127.0.0.1:8000", "reader")
    (tmp_path / "token").write_text("owner\n")
    monkeypatch.setenv("LIGHTLINE_DATA", str(tmp_path))
    monkeypatch.setenv("LIGHTLINE_URL", "https://lab:1/")
    assert Place.find(None, None, None) == Place("https://lab:1", "owner")
    monkeypatch.setenv("LIGHTLINE_TOKEN", "given")
    assert Place.find("http://a", None, None).token == "given"
    assert "given" not in repr(Place.find("http://a", None, None))
    assert Place("https://lab:1", "x").socket("/api") == "wss://lab:1/api"
    with pytest.raises(ClientError, match="no address"):
        Place.find("lab:8000", "x", None)


def test_a_broken_connection_goes_on_where_it_was_and_a_lost_service_is_told() -> None:
    watch = Watch("run", patience=2)
    assert list(watch.rows('{"type": "cells", "rows": [{"event_id": 3}, {"event_id": 5}], "next": 9}'))
    assert watch.path.endswith("/runs/run/live?after=9")
    rows = watch.rows('{"type": "cells", "rows": [{"event_id": 12}, {"event_id": 13}], "next": 20}')
    next(rows)
    # Who left in the middle of a message has the rows that were taken, and only those.
    assert watch.after == 12
    assert watch.wait_s(None) == following.FIRST_WAIT_S < watch.wait_s(Close(1001, "going away"))
    with pytest.raises(ClientError, match="not reached any more"):
        watch.wait_s(None)
    with pytest.raises(ClientError, match="no such run") as told:
        watch.wait_s(Close(4404, "no such run"))
    assert told.value.status == 404


def test_who_asks_too_often_waits_as_long_as_the_service_says(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(200, json={"counts": {}})])
    waited: list[float] = []
    monkeypatch.setattr("service.client.sync.time.sleep", waited.append)
    with Client("http://127.0.0.1:9", token=OWNER) as client:
        client._http.close()
        client._http = httpx.Client(base_url="http://x", transport=httpx.MockTransport(lambda _: next(answers)))
        assert client.ask(Ask("GET", "/x", lambda answer: answer.json())) == {"counts": {}}
    assert waited == [3.0]


def test_what_is_no_service_of_ours_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\nno\xff\xfe!")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        with Client(url, token=OWNER) as client, pytest.raises(ClientError, match="may not be a Lightline service"):
            client.status()


def test_the_client_is_imported_quickly_and_without_the_service() -> None:
    code = (
        "import sys, time; began = time.process_time(); import service.client; took = time.process_time() - began\n"
        "heavy = {'fastapi', 'uvicorn', 'duckdb', 'numba', 'pyarrow', 'h5py', 'onnxruntime'} & set(sys.modules)\n"
        "heavy |= {name for name in sys.modules if name.startswith(('service.api', 'service.store', 'inference'))}\n"
        "assert not heavy, heavy\nprint(took)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.0
