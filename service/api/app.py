"""The application: routers, guards and the page, put together."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from service.api import (
    across_runs,
    auth,
    cells,
    choices,
    exports,
    gates,
    labels,
    live,
    maps,
    open_inference,
    operators,
    pictures,
    pins,
    runs,
    saliency,
    sequences,
    statistics,
    system,
    tasks,
)
from service.api.auth import Needs, Tokens
from service.api.context import source_folders
from service.api.description import describe
from service.api.guard import Guard
from service.api.head import AnswerHead
from service.api.page import add_page
from service.api.problems import PROBLEMS, add_problem_handlers
from service.api.rate import RateLimit
from service.api.sharing import SharedAnswers
from service.api.viewers import Viewers
from service.audit import AuditLog
from service.export.under_way import ExportsUnderWay
from service.known_bundles import KnownBundles
from service.models import ModelShelf
from service.recordings import Recordings
from service.runs.control import RunControl
from service.settings import Settings
from service.tokens import Scope

EXPORTS = "exports"
"""Folder in the data folder for files that have to be whole before they are sent."""

session = APIRouter(tags=["session"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)


@session.post("/api/v1/session", status_code=204)
def open_session(request: Request) -> Response:
    """Take a token and give a read-only cookie, because a picture in a page cannot send a header."""
    tokens: Tokens = request.app.state.tokens
    response = Response(status_code=204)
    token = auth.given_token(request)
    if token is None:
        # A cookie is not made longer by itself.
        return response
    value, seconds = tokens.new_session(token)
    response.set_cookie(
        auth.session_cookie(request),
        value,
        max_age=seconds,
        path="/api",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@session.get("/api/v1/openapi.json")
def openapi(request: Request) -> JSONResponse:
    """Describe every route and document, for generated clients."""
    app: FastAPI = request.app
    return JSONResponse(describe(app))


def create_app(control: RunControl, settings: Settings, tokens: Tokens) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    control
        Starts, stops and finds runs.
    settings
        Folders, host names and the like.
    tokens
        Who may do what.
    """
    # Their own pages load scripts from the internet; the description itself is served behind the token.
    app = FastAPI(title="Lightline", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.control = control
    app.state.settings = settings
    app.state.tokens = tokens
    app.state.viewers = Viewers()
    app.state.models = ModelShelf(settings.provider)
    app.state.recordings = Recordings(source_folders(settings))
    app.state.known_bundles = KnownBundles(lambda run_id: control.folder(run_id).results().bundle_path())
    app.state.exports = ExportsUnderWay(settings.data / EXPORTS)
    add_problem_handlers(app)
    hosts = frozenset({settings.host, *settings.allow_host})
    rate = RateLimit(settings.requests_per_s, burst=2 * settings.requests_per_s)
    app.add_middleware(SharedAnswers, busy=lambda: control.busy)
    app.add_middleware(AnswerHead)
    app.add_middleware(Guard, hosts=hosts, rate=rate, audit=AuditLog(settings.data))
    for router in (
        system.probes,
        system.router,
        system.control_router,
        session,
        runs.reading,
        runs.control_router,
        sequences.reading,
        sequences.control_router,
        pins.router,
        choices.router,
        operators.router,
        cells.router,
        pictures.router,
        saliency.router,
        statistics.router,
        across_runs.router,
        maps.router,
        tasks.reading,
        tasks.control_router,
        gates.reading,
        gates.writing,
        labels.reading,
        labels.writing,
        live.router,
        open_inference.probes,
        open_inference.router,
        exports.router,
    ):
        app.include_router(router)

    add_page(app)
    _prepare(app)
    return app


def _prepare(app: FastAPI) -> None:
    """Let FastAPI make now what it makes at the first request otherwise: a tenth of a second in the middle of a run."""
    nowhere = {"type": "http", "method": "GET", "path": "/nowhere", "root_path": "", "headers": [], "app": app}
    for route in app.routes:
        route.matches(nowhere)
