"""Results to take home over HTTP: streamed where the format allows it, and how far every export is."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.types import Send

from service.api.auth import Needs
from service.api.cells import RestorationOf
from service.api.context import FolderOf, ResultsOf
from service.api.problems import PROBLEMS
from service.api.runs import Where
from service.export.destination import file_name
from service.export.formats import Format, exporter_for
from service.export.selection import Pictures, Selection, read_setup
from service.export.under_way import ExportStatus, ExportsUnderWay
from service.tokens import Scope

router = APIRouter(prefix="/api/v1", tags=["exports"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)

EXPORT = "Lightline-Export"
"""Header with the id under which progress is told."""


class _Sent(StreamingResponse):
    """A body that is closed with the answer, so that an export ends at once where its caller left."""

    def __init__(self, body: Generator[bytes], media_type: str, headers: dict[str, str]) -> None:
        super().__init__(body, media_type=media_type, headers=headers)
        self._body = body

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            self._body.close()


class ExportList(BaseModel):
    """The exports that are under way, the oldest first."""

    model_config = ConfigDict(frozen=True)

    exports: list[ExportStatus]


async def _board(request: Request) -> ExportsUnderWay:
    return cast(ExportsUnderWay, request.app.state.exports)


BoardOf = Annotated[ExportsUnderWay, Depends(_board)]
EventIds = Annotated[list[Annotated[int, Query(ge=1, le=2**62)]], Query(max_length=1000)]
Channels = Annotated[list[Annotated[str, Query(max_length=64)]], Query(max_length=64)]


@router.get("/exports")
def list_exports(board: BoardOf) -> ExportList:
    """Return how far the exports are that are being made or sent now."""
    return ExportList(exports=board.statuses())


@router.get("/runs/{run_id}/export", response_class=StreamingResponse)
def export_run(
    folder: FolderOf,
    results: ResultsOf,
    board: BoardOf,
    asked: RestorationOf,
    format: Annotated[Format, Query(description="Of the file")],
    where: Where = None,
    rejected: Annotated[bool, Query(description="The events that could not be judged, instead of cells")] = False,
    cells: Annotated[int | None, Query(ge=1, le=2**62, description="The first so many")] = None,
    event: EventIds = [],  # noqa: B006 - FastAPI copies it
    channel: Channels = [],  # noqa: B006
    setup: Annotated[list[str], Query(max_length=16, description="rtdc: KEY=VALUE of the microscope")] = [],  # noqa: B006
    prepare: Annotated[int | None, Query(ge=8, le=1024, description="hdf5: edge of cut-out cells in pixels")] = None,
) -> StreamingResponse:
    """Return the results of a run in the format of another program.

    Tables are sent while they are read; other formats are written to the data folder first, and sent when they are
    whole. `GET /api/v1/exports` says how far each is.
    """
    exporter = exporter_for(format)
    pictures = Pictures(tuple(channel), asked, prepare)
    wanted = Selection(folder, where, rejected, cells, tuple(event), pictures, read_setup(setup), results.about.name)
    exporter.check(wanted)
    export = board.begin(wanted.run.id, format, exporter.unit)
    body = export.body(exporter, wanted)
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(wanted, exporter)}"',
        EXPORT: str(export.id),
        "Lightline-Origin": wanted.run.origin.value,
    }
    if export.length is not None:
        headers["Content-Length"] = str(export.length)
    return _Sent(body, exporter.media_type, headers)
