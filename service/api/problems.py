"""Every error as a problem document (RFC 9457), made in one place."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from acquisition.errors import ConfigError, LightlineError, RecordingStopped, SourceError, TraceError
from inference.errors import AnswerError, BundleError, ProviderError, TransportError
from reconstruction.errors import ReconstructionError
from service.api.freshness import NotModified
from service.errors import (
    OperatorHolds,
    QueryError,
    RunFolderError,
    RunStateError,
    StaleGate,
    StorageError,
    UnknownCell,
    UnknownGate,
    UnknownModel,
    UnknownResults,
    UnknownRun,
    UnknownSequence,
    UnknownTask,
)

STATUS: dict[type[LightlineError], int] = {
    UnknownRun: 404,
    UnknownResults: 404,
    UnknownCell: 404,
    UnknownGate: 404,
    UnknownModel: 404,
    UnknownSequence: 404,
    UnknownTask: 404,
    ReconstructionError: 404,
    RunStateError: 409,
    OperatorHolds: 423,
    StaleGate: 412,
    QueryError: 422,
    ConfigError: 422,
    TraceError: 422,
    BundleError: 422,
    AnswerError: 422,
    ProviderError: 422,
    RunFolderError: 500,
    SourceError: 503,
    TransportError: 503,
    StorageError: 507,
    RecordingStopped: 507,
    LightlineError: 400,
}


class Problem(BaseModel):
    """A problem document: `detail` is one sentence with the remedy."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    error: str
    """The detail again, where the Open Inference Protocol looks for it."""


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in (401, 403, 404, 409, 422)
}
"""What every route may answer besides its own document, for the OpenAPI description."""


def problem(path: str, status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the problem document for a request to this path."""
    document = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, instance=path, error=detail)
    return JSONResponse(document.model_dump(), status, headers, media_type="application/problem+json")


def status_of(error: LightlineError) -> int:
    """HTTP status for an error: that of its nearest base class in `STATUS`."""
    return next(STATUS[base] for base in type(error).__mro__ if base in STATUS)


def _user_error(request: Request, error: LightlineError) -> JSONResponse:
    return problem(request.url.path, status_of(error), str(error))


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    return problem(request.url.path, error.status_code, error.detail, error.headers)


def _invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "the request"
    return problem(request.url.path, 422, f"'{place}' is not valid: {first['msg']}.")


def _not_modified(request: Request, found: NotModified) -> Response:  # noqa: ARG001 - the signature of every handler
    return Response(status_code=304, headers=found.headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error that a user can cause a problem document; faults of our own are the guard's."""
    app.exception_handler(LightlineError)(_user_error)
    app.exception_handler(NotModified)(_not_modified)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
