"""Runs: list them, start and stop them, and read their tables."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from inference.contract import Contract
from service.api.auth import Needs
from service.api.context import ControlOf, FolderOf, ResultsOf, SettingsOf, source_folders
from service.api.documents import CellList, Columns, ResultSetList, RunList
from service.api.freshness import FreshnessOf
from service.api.operators import controls
from service.api.pins import pinned
from service.api.problems import PROBLEMS
from service.api.sources import checked_request
from service.api.table_page import TABLES, TableFormOf, check_size, page_answer
from service.run import Run, RunRequest, newest_first
from service.store.questions.cell_query import MOST_ROWS
from service.tokens import Scope

reading = APIRouter(prefix="/api/v1/runs", tags=["runs"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)
control_router = APIRouter(
    prefix="/api/v1/runs",
    tags=["control"],
    dependencies=[Depends(Needs(Scope.CONTROL)), Depends(controls)],
    responses=PROBLEMS,
)


@reading.get("")
def list_runs(
    control: ControlOf,
    settings: SettingsOf,
    fresh: FreshnessOf,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> RunList:
    """List the runs in the data folder, the newest first."""
    runs = newest_first(control.runs())
    listed = RunList(runs=runs[:limit], total=len(runs), pinned=pinned(runs[:limit], settings))
    fresh.version(listed.model_dump_json())
    return listed


@control_router.post("", status_code=201)
def start_run(body: RunRequest, control: ControlOf, settings: SettingsOf, response: Response) -> Run:
    """Arm a run and start it; one at a time. Sources are simulations, or recordings in the folders the service allows.

    With `hold` the run stays `armed`, with everything open and warm, until it is started.
    """
    run = control.start(checked_request(body, source_folders(settings)))
    response.headers["Location"] = f"/api/v1/runs/{run.id}"
    return run


@reading.get("/{run_id}")
def show_run(run_id: str, control: ControlOf, fresh: FreshnessOf) -> Run:
    """Return one run: request, instrument, pipeline, ledger and files."""
    run = control.wait(run_id, timeout=0.0)
    fresh.version(run.model_dump_json())
    return run


@control_router.post("/{run_id}/start")
def start_held_run(run_id: str, control: ControlOf) -> Run:
    """Let a run acquire that was held."""
    return control.begin(run_id)


@control_router.post("/{run_id}/stop")
def stop_run(run_id: str, control: ControlOf) -> Run:
    """Take no more samples; what was detected is finished and counted. An armed run ends with nothing in it."""
    return control.stop(run_id)


@reading.get("/{run_id}/bundle")
def show_bundle(run_id: str, results: ResultsOf, control: ControlOf, fresh: FreshnessOf) -> Contract:
    """Return the contract of the bundle that answers for this run: inputs, clusters, classes, metrics and limits."""
    contract = control.engine_for(run_id, results.about.name).contract
    fresh.version(contract.digest)
    return contract


@reading.get("/{run_id}/results")
def list_results(folder: FolderOf) -> ResultSetList:
    """List the result sets of a run, the live one first; every route that reads cells takes `results=NAME`."""
    return ResultSetList(results=folder.result_sets())


@reading.get("/{run_id}/columns")
def list_columns(results: ResultsOf, fresh: FreshnessOf) -> Columns:
    """Return what can be asked for in `fields`, `where` and `order`."""
    columns = results.cells.columns()
    fresh.version(columns)
    return Columns(columns=columns)


Where = Annotated[str | None, Query(max_length=2000, description="For example: cluster = 2 and area_um2 > 40")]
After = Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows at most; of JSON 5000")]
Fields = Annotated[str | None, Query(max_length=2000, description="Columns, separated by commas")]
Order = Annotated[str | None, Query(max_length=64, description="A column, with '-' before it for descending")]


@reading.get("/{run_id}/cells", response_model=CellList, responses=TABLES)
def list_cells(
    results: ResultsOf,
    request: Request,
    response: Response,
    fresh: FreshnessOf,
    form: TableFormOf,
    where: Where = None,
    after: After = 0,
    limit: Limit = 100,
    fields: Fields = None,
    order: Order = None,
) -> CellList | Response:
    """Return cells, a page at a time; pages in the order of the event id stay as they are while a run goes on.

    As JSON, CSV, Parquet or an Arrow stream. The headers `Lightline-Total`, `Lightline-Next` and `Link` say what JSON
    has as `total` and `next`. Only Parquet and Arrow have columns of lists.
    """
    check_size(form, limit)
    fresh.version(form, results.state)
    return page_answer(results.cells.page(where, after, limit, field_names(fields), order), form, request, response)


@reading.get("/{run_id}/rejected", response_model=CellList, responses=TABLES)
def list_rejected(
    results: ResultsOf,
    request: Request,
    response: Response,
    fresh: FreshnessOf,
    form: TableFormOf,
    where: Where = None,
    after: After = 0,
    limit: Limit = 100,
    fields: Fields = None,
    order: Order = None,
) -> CellList | Response:
    """Return events that could not be judged, with the reason; forms and headers as of cells."""
    check_size(form, limit)
    fresh.version(form, results.state)
    return page_answer(results.rejected.page(where, after, limit, field_names(fields), order), form, request, response)


def field_names(fields: str | None) -> list[str] | None:
    """Return the columns in a list separated by commas; None for all."""
    names = [name.strip() for name in (fields or "").split(",")]
    return [name for name in names if name] or None
