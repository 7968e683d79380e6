"""Status and cells as they come, over WebSocket: a viewer has a place in the run, no queue; a slow one is only late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict

from acquisition.errors import LightlineError
from service.api.auth import grant_of
from service.api.documents import CellRow
from service.api.problems import status_of
from service.api.runs import field_names
from service.api.table_page import plain_row
from service.api.viewers import Viewers
from service.result_set import LIVE, ResultState
from service.run import FinishReason
from service.runs.control import RunControl
from service.status import ServiceStatus
from service.store.questions.cell_query import CellQuery
from service.tokens import Scope

TURN_S = 0.25
"""How often news is looked for; all viewers in step share one look."""
PAGE_ROWS = 1000
CHECK_S = 5.0
"""How often it is asked whether the viewer's token still holds."""
NO_TOKEN, NOT_ALLOWED = 4401, 4403

router = APIRouter()


class StatusMessage(BaseModel):
    """What the service is doing."""

    model_config = ConfigDict(frozen=True)

    type: str = "status"
    status: ServiceStatus


class CellsMessage(BaseModel):
    """Cells in the order of their event ids."""

    model_config = ConfigDict(frozen=True)

    type: str = "cells"
    rows: list[CellRow]
    next: int
    """Ask with this as `after` to go on behind them."""


class EndMessage(BaseModel):
    """The run is over, and all of its cells were sent."""

    model_config = ConfigDict(frozen=True)

    type: str = "end"
    finish_reason: FinishReason | None


@dataclass(frozen=True)
class Page:
    """A message that was made once for all who want it: its text, how many rows it has, and where to go on."""

    text: str
    rows: int = 0
    next: int = 0


@dataclass(frozen=True)
class Look:
    """How far a result set has come at one moment."""

    cells: CellQuery
    newest: int
    done: bool
    finish_reason: FinishReason | None


@router.websocket("/api/v1/status/live")
async def live_status(socket: WebSocket) -> None:
    """Send the service's status at once and whenever it has changed, at most four times a second."""
    control: RunControl = socket.app.state.control

    async def send(viewers: Viewers) -> None:
        sent = ""
        while True:
            page = await viewers.found(("status", _turn()), partial(_status_page, control))
            if page.text != sent:
                await socket.send_text(page.text)
                sent = page.text
            await _next_turn()

    await _serve(socket, send)


@router.websocket("/api/v1/runs/{run_id}/live")
async def live_cells(
    socket: WebSocket,
    run_id: str,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    fields: Annotated[str | None, Query(max_length=2000)] = None,
    where: Annotated[str | None, Query(max_length=2000)] = None,
    results: Annotated[str, Query(max_length=64)] = LIVE,
) -> None:
    """Send a run's cells from a place on: those that there are, then the new ones as they are stored, then the end.

    `after` is the event id to begin behind; who lost the connection goes on with the `next` of the last message. Each
    cell is sent once. Without `fields`, rows have every column. `results` takes the answers of another result set.
    """
    control: RunControl = socket.app.state.control

    async def send(viewers: Viewers) -> None:
        place, names = after, field_names(fields)
        while True:
            turn = _turn()
            look = await viewers.found((turn, run_id, results), partial(_look, control, run_id, results))
            if look.newest > place:
                # Of one turn only: what gates and labels say may change between them.
                key = (turn, run_id, results, place, look.newest, fields, where)
                page = await viewers.found(key, partial(_cells_page, look.cells, place, look.newest, names, where))
                place = page.next
                if page.rows:
                    await socket.send_text(page.text)
            elif look.done:
                await socket.send_text(EndMessage(finish_reason=look.finish_reason).model_dump_json())
                return
            else:
                await _next_turn()

    await _serve(socket, send)


async def _serve(socket: WebSocket, send: Callable[[Viewers], Awaitable[None]]) -> None:
    """Let a viewer in whose token allows reading, and send until it leaves, its token ends or there is no more."""
    await socket.accept()
    refusal = _refusal(socket)
    if refusal is not None:
        await socket.close(*refusal)
        return
    viewers: Viewers = socket.app.state.viewers
    tasks = {
        asyncio.ensure_future(send(viewers)),
        asyncio.ensure_future(_until_it_leaves(socket)),
        asyncio.ensure_future(_until_the_token_ends(socket)),
    }
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    # Of all of them: a viewer that leaves ends the sending as well.
    await asyncio.gather(*tasks, return_exceptions=True)
    try:
        for task in done:
            task.result()
        await socket.close(1000)
    except WebSocketDisconnect:
        return
    except _Refused as refused:
        await socket.close(refused.code, str(refused))
    except LightlineError as error:
        code = 4000 + status_of(error)
        # A reason has at most 123 bytes.
        await socket.close(code, str(error).encode()[:120].decode(errors="ignore"))


class _Refused(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _refusal(socket: WebSocket) -> tuple[int, str] | None:
    grant = grant_of(socket)
    if grant is None:
        return NO_TOKEN, "This needs the service's token."
    if Scope.READ not in grant.scopes:
        return NOT_ALLOWED, "This token does not allow 'read'."
    return None


async def _until_it_leaves(socket: WebSocket) -> None:
    """Read what a viewer sends, which means nothing here, until it goes."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))


async def _until_the_token_ends(socket: WebSocket) -> None:
    while True:
        await asyncio.sleep(CHECK_S)
        refusal = _refusal(socket)
        if refusal is not None:
            raise _Refused(*refusal)


def _turn() -> int:
    return int(asyncio.get_running_loop().time() / TURN_S)


async def _next_turn() -> None:
    """Wait for the beginning of the next turn, so that viewers are in step."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(TURN_S * (int(now / TURN_S) + 1) - now)


def _look(control: RunControl, run_id: str, results: str) -> Look:
    folder = control.folder(run_id)
    asked = folder.results(results)
    # In this order: what is done does not grow any more.
    done = asked.about.state is ResultState.DONE
    return Look(asked.cells, asked.cells.last_id, done, folder.run().finish_reason)


def _status_page(control: RunControl) -> Page:
    return Page(StatusMessage(status=control.status()).model_dump_json())


def _cells_page(cells: CellQuery, place: int, newest: int, names: list[str] | None, where: str | None) -> Page:
    found = cells.page(where, after=place, limit=PAGE_ROWS, fields=names)
    rows = [plain_row(row) for row in found.rows]
    # Where there is no next page, everything up to the newest cell was looked at.
    last = int(found.rows[-1]["event_id"]) if found.rows else 0
    end = last if found.next is not None else max(newest, last)
    # As in a page of the table, they need no check.
    return Page(CellsMessage.model_construct(rows=rows, next=end).model_dump_json(), len(rows), end)
