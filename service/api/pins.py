"""Runs that are kept for good, whatever the settings say about old ones."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Depends, Response

from service.api.auth import Needs
from service.api.context import FolderOf
from service.api.problems import PROBLEMS
from service.run import Run
from service.runs.control import RUNS
from service.settings import Settings
from service.store.disk import storage_errors
from service.store.retention import PINNED
from service.tokens import Scope

router = APIRouter(
    prefix="/api/v1/runs/{run_id}/pin",
    tags=["runs"],
    dependencies=[Depends(Needs(Scope.ANNOTATE))],
    responses=PROBLEMS,
)


@router.put("", status_code=204)
def pin_run(folder: FolderOf) -> Response:
    """Keep a run for good."""
    with storage_errors(folder.path):
        (folder.path / PINNED).touch()
    return Response(status_code=204)


@router.delete("", status_code=204)
def unpin_run(folder: FolderOf) -> Response:
    """Let a run go when its time has come."""
    with storage_errors(folder.path):
        (folder.path / PINNED).unlink(missing_ok=True)
    return Response(status_code=204)


def pinned(runs: Iterable[Run], settings: Settings) -> list[str]:
    """Return the ids of those runs that are pinned."""
    return [run.id for run in runs if (settings.data / RUNS / run.id / PINNED).exists()]
