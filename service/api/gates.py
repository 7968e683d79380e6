"""Gates of a run: drawn, changed, counted, and exchanged with other programs as Gating-ML."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from service.api.auth import Needs
from service.api.context import FolderOf, ResultsOf
from service.api.documents import GateBody, GateDocument, GateHistory, GateList, GatesRead
from service.api.freshness import FreshnessOf
from service.api.problems import PROBLEMS
from service.api.runs import Where
from service.errors import QueryError, StaleGate
from service.gates.book import GateVersion
from service.gates.gate import Gate, GateName
from service.gates.read_gatingml import MOST_BYTES, read_gatingml
from service.gates.write_gatingml import write_gatingml
from service.tokens import Scope

GATES_PATH = "/api/v1/runs/{run_id}"
XML = "application/xml"
LEFT_OUT = "Lightline-Left-Out"
"""Header that names the gates that Gating-ML has no words for."""

reading = APIRouter(prefix=GATES_PATH, tags=["gates"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)
writing = APIRouter(
    prefix=GATES_PATH, tags=["gates"], dependencies=[Depends(Needs(Scope.ANNOTATE))], responses=PROBLEMS
)

Name = Annotated[GateName, Path(description="Name of the gate; letters, digits, spaces and _ . + - / ( )")]
IfMatch = Annotated[str | None, Header(max_length=64, description='The version that is to be changed, as "3"')]
IfNoneMatch = Annotated[str | None, Header(max_length=64, description="* to make a new gate only")]


@reading.get("/gates")
def list_gates(
    folder: FolderOf,
    results: ResultsOf,
    fresh: FreshnessOf,
    counts: Annotated[bool, Query(description="Count the cells of every gate, too")] = False,
    where: Where = None,
) -> GateList:
    """List the gates of a run, with the cells in each if asked; `where` counts only what a filter lets through."""
    fresh.version(results.state)
    newest = folder.gates.newest()
    cells = results.statistics.in_gates(list(newest), where) if counts else {}
    return GateList(gates=[_document(version, cells.get(name)) for name, version in newest.items()])


@reading.get("/gates.xml", response_class=Response)
def gates_as_xml(run_id: str, folder: FolderOf, fresh: FreshnessOf) -> Response:
    """Return the gates as Gating-ML 2.0; filters and what is made of them are left out, as a header says."""
    headers = fresh.version(folder.gates.changes)
    file = write_gatingml([version.gate for version in folder.gates.newest().values() if version.gate])
    headers["Content-Disposition"] = f'attachment; filename="{run_id}-gates.xml"'
    if file.left_out:
        headers[LEFT_OUT] = ", ".join(file.left_out)
    return Response(file.content, media_type=XML, headers=headers)


@writing.post("/gates.xml", openapi_extra={"requestBody": {"content": {XML: {"schema": {"type": "string"}}}}})
async def gates_from_xml(request: Request, folder: FolderOf, results: ResultsOf) -> GatesRead:
    """Add the gates of a Gating-ML 2.0 file, all of them or none; those of the same names get a new version."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise QueryError(f"A file of gates may have at most {MOST_BYTES >> 10} KiB.")
    gates = read_gatingml(bytes(content))
    if not gates:
        raise QueryError("The file has no gates.")
    folder.gates.put(gates, results.cells.columns() or None)
    return GatesRead(names=[gate.name for gate in gates])


@reading.get("/gates/{name:path}")
def show_gate(name: Name, folder: FolderOf, fresh: FreshnessOf) -> GateHistory:
    """Return a gate with every version of it, the oldest first; its tag is the number of the newest."""
    versions = folder.gates.history(name)
    fresh.numbered(versions[-1].version)
    return GateHistory(versions=[_document(version) for version in versions])


@writing.put("/gates/{name:path}")
def put_gate(
    name: Name,
    body: GateBody,
    folder: FolderOf,
    results: ResultsOf,
    response: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> GateDocument:
    """Make a gate or change it; earlier versions are kept.

    With `If-Match` only the version that was looked at is changed, with `If-None-Match: *` only a new gate is made.
    """
    gate = Gate(name=name, parent=body.parent, region=body.region, note=body.note)
    version = folder.gates.put([gate], results.cells.columns() or None, _expected(if_match, if_none_match))
    response.headers["ETag"] = f'"{version}"'
    return _document(folder.gates.history(name)[version - 1], results.statistics.in_gates([name])[name])


@writing.delete("/gates/{name:path}", status_code=204)
def remove_gate(name: Name, folder: FolderOf, if_match: IfMatch = None) -> Response:
    """Take a gate away; its versions are kept."""
    folder.gates.remove(name, _expected(if_match, None))
    return Response(status_code=204)


def _document(version: GateVersion, cells: int | None = None) -> GateDocument:
    return GateDocument(**dict(version), cells=cells)


def _expected(if_match: str | None, if_none_match: str | None) -> int | None:
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise StaleGate("If-None-Match can only be '*' here, to make a new gate.")
        return 0
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'\s*"(\d{1,9})"\s*', if_match)
    if match is None:
        raise StaleGate(f"The gate has no version '{if_match}'; its ETag says which it has.")
    return int(match[1])
