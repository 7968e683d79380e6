"""Whether the service lives, what it does at this moment, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse

from inference.contract import Contract
from service.api.auth import Needs
from service.api.context import ControlOf, SettingsOf
from service.api.documents import Health, SettingDocument
from service.api.metrics import prometheus_text
from service.api.operators import controls
from service.api.problems import PROBLEMS
from service.errors import UnknownRun
from service.status import ServiceState, ServiceStatus
from service.tokens import Scope

probes = APIRouter(tags=["probes"])
router = APIRouter(tags=["service"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)
control_router = APIRouter(
    tags=["control"], dependencies=[Depends(Needs(Scope.CONTROL)), Depends(controls)], responses=PROBLEMS
)


@probes.get("/healthz")
def healthz() -> Health:
    """Answer while the service lives; needs no token."""
    return Health(status="ok")


@probes.get("/readyz", responses={503: {"model": Health, "description": "It is closing"}})
def readyz(control: ControlOf, response: Response) -> Health:
    """Answer 200 once the service can be asked, 503 once it is closing; needs no token."""
    if control.status().state is ServiceState.CLOSED:
        response.status_code = 503
        return Health(status="not ready")
    return Health(status="ok")


@router.get("/api/v1/status", response_model=ServiceStatus)
def status(control: ControlOf) -> Response:
    """Return state, current run, ledger, rates, latencies and workers at this moment."""
    # Asked for most often, and checked when it was made: to have it checked and taken apart again takes longer.
    return Response(control.status().model_dump_json(), media_type="application/json")


@control_router.delete("/api/v1/error", status_code=204)
def acknowledge_error(control: ControlOf) -> Response:
    """Say that it is known how the last run ended, so that the service is idle again; the next run says so as well."""
    control.acknowledge()
    return Response(status_code=204)


@router.get("/api/v1/bundle")
def bundle(control: ControlOf) -> Contract:
    """Return the contract of the bundle of the run in progress, otherwise of the last one."""
    run_id = control.status().run_id
    if run_id is not None:
        return control.engine_for(run_id).contract
    runs = control.runs()
    if not runs:
        raise UnknownRun("There is no run yet, so no bundle answers; start one first.")
    return control.engine_for(runs[-1].id).contract


@router.get("/api/v1/settings")
def all_settings(settings: SettingsOf) -> list[SettingDocument]:
    """Return every setting of the service with its value, and what set it; secrets are no settings."""
    return [
        SettingDocument(name=name, value=value, set_by=settings.set_by(name))
        for name, value in settings.plain().items()
    ]


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(control: ControlOf) -> PlainTextResponse:
    """Return the same figures for Prometheus."""
    return PlainTextResponse(prometheus_text(control.status()), media_type="text/plain; version=0.0.4")
