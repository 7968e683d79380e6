"""One question to the cells of many runs: how many of each kind, and what a column is like in them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from acquisition.errors import LightlineError
from acquisition.origin import Origin
from service.api.auth import Needs
from service.api.context import ControlOf
from service.api.documents import KindDocument, Kinds, KindsOfRun
from service.api.problems import PROBLEMS
from service.api.runs import Where
from service.result_set import LIVE
from service.run import Run, newest_first
from service.runs.control import RunControl
from service.tokens import Scope

router = APIRouter(prefix="/api/v1", tags=["statistics"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)


@router.get("/kinds")
def show_kinds(
    control: ControlOf,
    by: Annotated[str, Query(max_length=128, description="A column of few values: class, cluster, flags")] = "class",
    column: Annotated[str | None, Query(max_length=128, description="A column of numbers to describe")] = None,
    where: Where = None,
    results: Annotated[str, Query(max_length=64, description="A result set, by its name")] = LIVE,
    instrument: Annotated[str | None, Query(max_length=128, description="Runs of this instrument alone")] = None,
    origin: Annotated[Origin | None, Query(description="Real, semi-real or simulated runs alone")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Runs at most")] = 100,
) -> Kinds:
    """Return the cells of every run by kind, the newest run first; a run that cannot answer says why."""
    runs = [
        run
        for run in newest_first(control.runs())
        if (instrument is None or run.instrument.name == instrument) and (origin is None or run.origin is origin)
    ]
    answered = [_answered(control, run, results, (by, where, column)) for run in runs[:limit]]
    return Kinds(by=by, column=column, runs=answered, total=len(runs))


def _answered(control: RunControl, run: Run, results: str, asked: tuple[str, str | None, str | None]) -> KindsOfRun:
    kinds: list[KindDocument] = []
    problem, bundle = None, run.bundle
    try:
        found = control.folder(run.id).results(results)
        bundle = found.about.bundle
        kinds = [KindDocument(**vars(kind)) for kind in found.statistics.by_kind(*asked)]
    except LightlineError as error:
        problem = str(error)
    return KindsOfRun(
        run=run.id,
        instrument=run.instrument.name,
        origin=run.origin,
        started_at=run.started_at,
        bundle=bundle,
        kinds=kinds,
        problem=problem,
    )
