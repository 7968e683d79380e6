"""The OpenAPI document: problems as they are sent, and answers that were not modified."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.problems import Problem

_PROBLEM = {
    "description": "A problem document: one sentence with the remedy",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application, made once; `security` of a route is named after the scope it needs."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(unused, None)
        for operations in document["paths"].values():
            for method, operation in operations.items():
                _describe(operation, method)
        app.openapi_schema = document
    return app.openapi_schema


def _describe(operation: dict[str, Any], method: str) -> None:
    known = {code: answer for code, answer in operation["responses"].items() if not code.startswith("4")}
    if method == "get":
        known["304"] = {"description": "The caller has it already, as its If-None-Match says"}
    operation["responses"] = known | {"4XX": _PROBLEM, "5XX": _PROBLEM}
