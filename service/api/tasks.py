"""Work on stored runs, done by a process of its own: another model's answers, a map; begun, followed and cancelled."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.api.auth import Needs
from service.api.context import ControlOf, FolderOf, ResultsOf, SettingsOf, source_folders
from service.api.problems import PROBLEMS
from service.api.sources import checked_bundle
from service.maps.umap_making import check_umap
from service.reprocess.plan import Wanted, plan_of
from service.reprocess.process import arguments
from service.runs.arming import Makers
from service.tasks.status import TaskKind, TaskStatus
from service.tokens import Scope

_TASKS = "/api/v1/tasks"

reading = APIRouter(prefix=_TASKS, tags=["tasks"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)
control_router = APIRouter(
    prefix="/api/v1", tags=["tasks"], dependencies=[Depends(Needs(Scope.CONTROL))], responses=PROBLEMS
)


class ResultsBody(BaseModel):
    """What a result set is to be made of."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    bundle: Annotated[str, Field(max_length=4096)] | None = None
    """Model to answer, as `GET /api/v1/bundles` names it; null takes the run's own."""
    name: Annotated[str, Field(max_length=64)] | None = None
    """What to call the set; null names it after the model."""
    missing: bool = False
    """Take over the run's own answers, and answer only for events that have none."""


class MapBody(BaseModel):
    """A map of the embedding that is to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["umap"] = "umap"


class TaskList(BaseModel):
    """The last tasks since the service was started, the newest first."""

    model_config = ConfigDict(frozen=True)

    tasks: list[TaskStatus]


@reading.get("")
def list_tasks(control: ControlOf) -> TaskList:
    """List the tasks since the service was started, at most 50."""
    return TaskList(tasks=control.tasks.all())


@reading.get("/{task_id}")
def show_task(task_id: str, control: ControlOf) -> TaskStatus:
    """Return how far a task is."""
    return control.tasks.status(task_id)


@control_router.delete("/tasks/{task_id}")
def cancel_task(task_id: str, control: ControlOf) -> TaskStatus:
    """End a task; what is sealed is kept, and asking for the same goes on with it."""
    return control.tasks.cancel(task_id)


@control_router.post("/runs/{run_id}/results", status_code=202)
def make_results(
    body: ResultsBody,
    folder: FolderOf,
    control: ControlOf,
    settings: SettingsOf,
    request: Request,
    response: Response,
) -> TaskStatus:
    """Have the events of a run that is over answered by another model, into a result set beside its own.

    A process of its own does it, one task at a time, beside what is being acquired. A set that was interrupted is gone
    on with.
    """
    bundle = checked_bundle(body.bundle, source_folders(settings))
    wanted = Wanted(bundle, body.name, body.missing, settings.provider)
    # Whatever speaks against it is said now, and not by a process that failed.
    plan = plan_of(folder, wanted, Makers())
    request.state.note = f"results '{plan.about.name}' by {plan.about.bundle} {plan.about.bundle_digest[:12]}"
    task = control.tasks.begin(
        TaskKind.RESULTS,
        plan.about.run,
        plan.about.name,
        "events",
        "service.reprocess.process",
        arguments(folder.path, wanted),
    )
    response.headers["Location"] = f"{_TASKS}/{task.id}"
    return task


@control_router.post("/runs/{run_id}/maps", status_code=202)
def make_map(
    body: MapBody, folder: FolderOf, results: ResultsOf, control: ControlOf, request: Request, response: Response
) -> TaskStatus:
    """Have a UMAP made of the embedding of a result set that is complete; then `umap1` and `umap2` are columns.

    Once for each set, by a process of its own, one task at a time.
    """
    check_umap(results)
    name = results.about.name
    request.state.note = f"{body.kind} of the results '{name}'"
    task = control.tasks.begin(
        TaskKind.UMAP, folder.run().id, name, "cells", "service.maps.process", [str(folder.path), name]
    )
    response.headers["Location"] = f"{_TASKS}/{task.id}"
    return task
