"""What many ask for at once is made once; nobody is given what was made before it asked, or what it may not see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response

from service.api import sharing
from service.api.auth import Needs, Tokens
from service.api.freshness import CHANGING, PERMANENT
from service.api.head import AnswerHead
from service.api.sharing import SharedAnswers
from service.tokens import Scope

TABLE, PICTURE = "/api/v1/runs/r/density", "/api/v1/runs/r/cells/{}/image.png"
HISTOGRAM = "/api/v1/runs/r/histogram"
OWNER = {"Authorization": "Bearer owner"}


class Made:
    """Counts what was made; a table is not answered before it is let go."""

    def __init__(self) -> None:
        self.app = FastAPI(dependencies=[Depends(Needs(Scope.READ))])
        self.app.state.tokens = Tokens.make("owner")
        self.busy = False
        self.app.add_middleware(SharedAnswers, busy=lambda: self.busy)
        self.app.add_middleware(AnswerHead)
        self.state, self.tables, self.pictures = "before", 0, 0
        self.free = asyncio.Event()
        self.app.get("/api/v1/runs/{run}/density")(self.table)
        self.app.get("/api/v1/runs/{run}/histogram")(self.histogram)
        self.app.get("/api/v1/runs/{run}/cells/{cell}/image.png")(self.picture)

    async def table(self) -> dict[str, str]:
        state = self.state
        self.tables += 1
        await self.free.wait()
        return {"state": state}

    async def histogram(self, request: Request) -> Response:
        tag = f'"{self.state}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        self.tables += 1
        return Response(self.state, headers={"ETag": tag, "Cache-Control": CHANGING})

    async def picture(self, cell: int) -> Response:
        self.pictures += 1
        return Response(bytes(100), media_type="image/png", headers={"Cache-Control": PERMANENT})


def asking(ask: Callable[[Made, httpx.AsyncClient], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        made = Made()
        transport = httpx.ASGITransport(made.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=OWNER) as client:
            await ask(made, client)

    # In a thread of its own: where tests with a browser came before, this one has an event loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(run())).result()


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def test_callers_share_an_answer_that_is_made_after_they_asked() -> None:
    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        first = asyncio.create_task(client.get(TABLE))
        await turns()
        made.state = "after"
        others = [asyncio.create_task(client.get(TABLE, headers={"X-Number": str(k)})) for k in range(20)]
        await turns()
        assert made.tables == 1
        made.free.set()
        assert (await first).json() == {"state": "before"}
        assert {(await other).text for other in others} == {'{"state":"after"}'}
        assert made.tables == 2

    asking(ask)


def test_other_questions_are_not_taken_for_the_same_and_few_are_answered_at_once() -> None:
    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        asked = [asyncio.create_task(client.get(TABLE, params={"bins": k})) for k in range(9)]
        await turns()
        assert made.tables == sharing.AT_ONCE
        made.free.set()
        assert [(await one).status_code for one in asked] == 9 * [200]
        assert made.tables == 9

    asking(ask)


def test_a_caller_who_leaves_takes_nothing_from_the_others() -> None:
    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        leaves, stays = (asyncio.create_task(client.get(TABLE)) for _ in range(2))
        await turns()
        leaves.cancel()
        made.free.set()
        assert (await stays).status_code == 200

    asking(ask)


def test_what_never_changes_is_made_once_and_a_bounded_amount_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "KEPT_BYTES", 1000)

    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        for _ in range(3):
            answer = await client.get(PICTURE.format(1), params={"token": "owner"})
            assert answer.content == bytes(100)
        assert (await client.head(PICTURE.format(1))).headers["content-length"] == "100"
        assert made.pictures == 1
        for cell in range(1, 13):
            await client.get(PICTURE.format(cell))
        assert made.pictures == 12
        assert (await client.get(PICTURE.format(1))).status_code == 200
        assert made.pictures == 13

    asking(ask)


def test_an_answer_is_made_again_only_when_there_is_a_newer_one() -> None:
    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        for state, count in (("one", 1), ("one", 1), ("two", 2), ("two", 2), ("one", 3)):
            made.state = state
            answer = await client.get(HISTOGRAM)
            assert (answer.status_code, answer.text, answer.headers["etag"]) == (200, state, f'"{state}"')
            assert made.tables == count
        assert (await client.get(HISTOGRAM, headers={"If-None-Match": '"one"'})).status_code == 304
        assert (await client.get(HISTOGRAM, headers={"If-None-Match": '"two"'})).text == "one"

    asking(ask)


def test_while_a_run_goes_on_the_same_answer_is_made_a_few_times_a_second_for_any_crowd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sharing, "APART_S", 0.05)

    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        made.busy = True
        made.free.set()
        began = time.monotonic()
        for k in range(40):
            # Another state each time: nothing that is kept holds.
            made.state = str(k)
            answers = await asyncio.gather(client.get(TABLE), client.get(TABLE))
            assert {answer.json()["state"] for answer in answers} == {str(k)}
            if time.monotonic() - began > 0.3:
                break
        assert 1 < made.tables <= 1 + (time.monotonic() - began) / 0.05
        made.busy = False
        before = made.tables
        for _ in range(20):
            await client.get(TABLE)
        assert made.tables == before + 20

    asking(ask)


def test_pictures_do_not_wait_for_volumes_that_are_restored() -> None:
    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        for _ in range(2):
            await client.get(PICTURE.format(1), params={"restore": "richardson_lucy"})
        assert made.pictures == 2

    asking(ask)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}])
def test_who_has_no_token_is_given_nothing_of_it(headers: dict[str, str]) -> None:
    async def ask(made: Made, client: httpx.AsyncClient) -> None:
        assert (await client.get(PICTURE.format(1))).status_code == 200
        del client.headers["Authorization"]
        assert (await client.get(PICTURE.format(1), headers=headers)).status_code == 401

    asking(ask)
